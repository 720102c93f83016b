import { z } from '@hono/zod-openapi'
import { AnyObject, INT_MAX, ShownObject } from './basics.ts'

const text = z.string().nullish()

/** What stands beside every block for templates, which this server only stores. */
const templateFields = {
  template_name: text,
  template_id: text,
  base_template_id: text,
  deployment_id: text,
  entity_id: text,
  preserve_on_migration: z.boolean().nullish(),
}

const shared = {
  limit: z.int().min(0).max(INT_MAX).nullish(),
  project_id: text,
  ...templateFields,
  description: text,
  metadata: AnyObject.nullish(),
  hidden: z.boolean().nullish(),
  tags: z.array(z.string()).nullish(),
  read_only: z.boolean().nullish(),
  is_template: z.boolean().nullish(),
}

/** A block with a label that agents can hold. */
export const CreateBlock = z.object({ ...shared, value: text, label: z.string() }).openapi('CreateBlock')
export type CreateBlock = z.output<typeof CreateBlock>

export const BlockUpdate = z.object({ ...shared, value: text, label: text }).openapi('BlockUpdate')
export type BlockUpdate = z.output<typeof BlockUpdate>

const shown = z.string().nullable()

export const Block = z
  .object({
    value: z.string(),
    limit: z.int(),
    project_id: shown,
    template_name: shown,
    is_template: z.boolean(),
    template_id: shown,
    base_template_id: shown,
    deployment_id: shown,
    entity_id: shown,
    preserve_on_migration: z.boolean().nullable(),
    label: shown,
    read_only: z.boolean(),
    description: shown,
    metadata: ShownObject,
    hidden: z.boolean().nullable(),
    id: z.string(),
    created_by_id: shown,
    last_updated_by_id: shown,
    tags: z.array(z.string()),
    version: z
      .int()
      .openapi({ description: 'Raised by every write. Send it as `If-Match` to write only over it.' }),
  })
  .openapi('Block')
export type Block = z.output<typeof Block>
