import type { BlockId } from './id.ts'
import type { JsonObject } from './json.ts'

/** A labelled piece of text that is part of an agent's prompt. May be shared by many agents. */
export type Block = {
  id: BlockId
  label: string
  value: string
  /** Characters; shown to the model, not enforced. */
  limit: number
  description: string | null
  readOnly: boolean
  metadata: JsonObject
  /** Raised by every write. */
  version: number
}

/** A block as a memory tool sees it, under the block's lock. */
export type HeldBlock = Block & {
  /** Somebody else has written it since this step's prompt was compiled; the run's own edits do not count. */
  changedByOthers: boolean
}

/** What a memory tool wants written. The driver applies it together with the tool's ledger row. */
export type MemoryEdit =
  | { type: 'set_value'; blockId: BlockId; value: string }
  | { type: 'set_label'; blockId: BlockId; label: string }
  | { type: 'set_description'; blockId: BlockId; description: string }
  | { type: 'create'; blockId: BlockId; label: string; value: string; description: string }
  | { type: 'detach'; blockId: BlockId }

/** Applies edits to blocks in memory, as the store will: what the next tool of the same step sees. */
export function applyEdits(blocks: HeldBlock[], edits: MemoryEdit[]): HeldBlock[] {
  return edits.reduce(applyEdit, blocks)
}

function applyEdit(blocks: HeldBlock[], edit: MemoryEdit): HeldBlock[] {
  switch (edit.type) {
    case 'set_value':
      return replaced(blocks, edit.blockId, { value: edit.value })
    case 'set_label':
      return replaced(blocks, edit.blockId, { label: edit.label })
    case 'set_description':
      return replaced(blocks, edit.blockId, { description: edit.description })
    case 'detach':
      return blocks.filter((block) => block.id !== edit.blockId)
    case 'create':
      return [...blocks, newBlock(edit)]
  }
}

function replaced(blocks: HeldBlock[], id: BlockId, change: Partial<HeldBlock>): HeldBlock[] {
  return blocks.map((block) => (block.id === id ? { ...block, ...change } : block))
}

export const BLOCK_LIMIT_DEFAULT = 100_000

function newBlock(edit: Extract<MemoryEdit, { type: 'create' }>): HeldBlock {
  return {
    id: edit.blockId,
    label: edit.label,
    value: edit.value,
    limit: BLOCK_LIMIT_DEFAULT,
    description: edit.description,
    readOnly: false,
    metadata: {},
    version: 1,
    changedByOthers: false,
  }
}
