import type { BlockId } from '../../domain/id.ts'
import { BLOCK_LIMIT_DEFAULT } from '../../domain/memory.ts'
import type { BlockChange, BlockRow, NewBlock } from '../../store/blocks.ts'
import type { Block, BlockUpdate, CreateBlock } from '../schemas/block.ts'

/** A block as clients read it. Who made it is not said, as it never was: see the block's history. */
export function toWireBlock(row: BlockRow & { tags: string[] }): Block {
  return {
    value: row.value,
    limit: row.char_limit,
    project_id: row.project_id,
    template_name: row.template_name,
    is_template: row.is_template,
    template_id: row.template_id,
    base_template_id: row.base_template_id,
    deployment_id: row.deployment_id,
    entity_id: row.entity_id,
    preserve_on_migration: row.preserve_on_migration ?? false,
    label: row.label,
    read_only: row.read_only,
    description: row.description,
    metadata: row.metadata ?? {},
    hidden: row.hidden,
    id: row.id,
    created_by_id: null,
    last_updated_by_id: null,
    tags: row.tags,
    version: row.version,
  }
}

export function decodeNewBlock(body: CreateBlock, id: BlockId, projectId: string | null): NewBlock {
  return {
    id,
    label: body.label,
    value: body.value ?? '',
    char_limit: body.limit ?? BLOCK_LIMIT_DEFAULT,
    description: body.description ?? null,
    metadata: JSON.stringify(body.metadata ?? {}),
    read_only: body.read_only ?? false,
    hidden: body.hidden ?? null,
    is_template: body.is_template ?? false,
    template_name: body.template_name ?? null,
    template_id: body.template_id ?? null,
    base_template_id: body.base_template_id ?? null,
    deployment_id: body.deployment_id ?? null,
    entity_id: body.entity_id ?? null,
    preserve_on_migration: body.preserve_on_migration ?? null,
    project_id: body.project_id ?? projectId,
    tags: body.tags ?? [],
  }
}

/** Fields that a block can be without; null clears them. On all others null says nothing. */
const CLEARABLE = [
  'label',
  'description',
  'hidden',
  'project_id',
  'template_name',
  'template_id',
  'base_template_id',
  'deployment_id',
  'entity_id',
  'preserve_on_migration',
] as const satisfies (keyof BlockUpdate)[]

export function decodeBlockChange(body: BlockUpdate): BlockChange {
  const cleared = CLEARABLE.filter((field) => body[field] !== undefined).map((field) => [field, body[field]])
  return {
    ...Object.fromEntries(cleared),
    ...(isGiven(body.value) && { value: body.value }),
    ...(isGiven(body.limit) && { char_limit: body.limit }),
    ...(isGiven(body.read_only) && { read_only: body.read_only }),
    ...(isGiven(body.is_template) && { is_template: body.is_template }),
    ...(body.metadata !== undefined && { metadata: JSON.stringify(body.metadata ?? {}) }),
  }
}

function isGiven<Value>(value: Value | null | undefined): value is Value {
  return value !== undefined && value !== null
}
