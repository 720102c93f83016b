import { z } from '@hono/zod-openapi'
import { TOOL_TYPES } from '../../domain/tool.ts'
import { AnyObject, ShownObject } from './basics.ts'

const text = z.string().nullable()

export const Tool = z
  .object({
    id: z.string(),
    tool_type: z.enum(TOOL_TYPES),
    description: text,
    source_type: text,
    name: z.string(),
    tags: z.array(z.string()),
    source_code: text,
    json_schema: ShownObject.nullable(),
    args_json_schema: ShownObject.nullable(),
    return_char_limit: z.int(),
    pip_requirements: z.custom<unknown>().openapi({ type: 'array', items: { type: 'object' } }),
    npm_requirements: z.custom<unknown>().openapi({ type: 'array', items: { type: 'object' } }),
    default_requires_approval: z.boolean().nullable(),
    enable_parallel_execution: z.boolean(),
    created_by_id: text,
    last_updated_by_id: text,
    metadata_: ShownObject,
    project_id: text,
  })
  .openapi('Tool')
export type Tool = z.output<typeof Tool>

const RETURN_CHARS_MAX = 1_000_000

const Requirements = z.array(z.object({ name: z.string().min(1), version: z.string().nullish() }))

export const ToolUpdate = z
  .object({
    description: z.string().nullish(),
    tags: z.array(z.string()).nullish(),
    source_code: z.string().nullish(),
    source_type: z.string().nullish(),
    json_schema: AnyObject.nullish(),
    args_json_schema: AnyObject.nullish(),
    return_char_limit: z.int().min(1).max(RETURN_CHARS_MAX).nullish(),
    pip_requirements: Requirements.nullish(),
    npm_requirements: Requirements.nullish(),
    metadata_: AnyObject.nullish(),
    default_requires_approval: z.boolean().nullish(),
    enable_parallel_execution: z.boolean().nullish(),
  })
  .openapi('ToolUpdate')
export type ToolUpdate = z.output<typeof ToolUpdate>
