import type { HeldBlock } from '../../domain/memory.ts'
import type { Edited } from '../define.ts'
import { ToolError } from '../tool-error.ts'

export function findBlock(blocks: HeldBlock[], label: string): HeldBlock | undefined {
  return blocks.find((block) => block.label === label)
}

/** Refuses a label that the agent has no block for, and names those that it has. */
export function getBlock(blocks: HeldBlock[], label: string): HeldBlock {
  const block = findBlock(blocks, label)
  if (block) return block
  const labels = blocks.map((other) => other.label).join(', ')
  // In quotes, as Python prints the message of a KeyError.
  throw new ToolError(`'Block field ${label} does not exist (available sections = ${labels})'`, 'KeyError')
}

/** The block of a label, whose text may be edited. */
export function getEditableBlock(blocks: HeldBlock[], label: string): HeldBlock {
  const block = getBlock(blocks, label)
  if (block.readOnly) throw new ToolError('Error This block is read-only and cannot be edited.')
  return block
}

/**
 * For edits that depend on what the model saw: refused when somebody else has written the block since. The value is last
 * in the text, because long errors are cut.
 */
export function refuseIfChanged(block: HeldBlock): void {
  if (!block.changedByOthers) return
  throw new ToolError(
    `Nothing was edited: somebody else has changed the memory block '${block.label}' since you last saw it. Decide anew, from what it holds now:\n${block.value}`,
  )
}

/** Gives a block another text. The model reads all of it; nothing is written where nothing changes. */
export function withValue(block: HeldBlock, value: string): Edited {
  const isSame = value === block.value
  return { output: value, edits: isSame ? [] : [{ type: 'set_value', blockId: block.id, value }] }
}
