import { newId } from '../../../domain/id.ts'
import { applyEdits, type HeldBlock, type MemoryEdit } from '../../../domain/memory.ts'
import { type Edited, editTool } from '../../define.ts'
import { text } from '../../parameters.ts'
import { ToolError } from '../../tool-error.ts'
import { findBlock, getEditableBlock, refuseIfChanged, withValue } from '../held-blocks.ts'
import { refuseNumbersInPatch } from '../shown-numbers.ts'
import { applyHunks } from './apply-hunks.ts'
import { type Operation, parsePatch } from './parse-patch.ts'

export const memoryApplyPatch = editTool(
  {
    name: 'memory_apply_patch',
    toolType: 'letta_memory_core',
    description: `Change memory blocks with a diff: one patch for many changes.

In the diff of a block, lines with + are added, lines with - go, and lines with a space in front stay and show where the change belongs. @@ begins another place. Lines that only add go to the end.

To change several blocks, or to add, drop or rename them, put each change under a header:
*** Add Block: <label>, followed by "Description: <text>" and the lines with +
*** Update Block: <label>, followed by its diff
*** Delete Block: <label>
*** Move to: <new label>, for the block of the header before
Such a patch is made as a whole or not at all.`,
    parameters: {
      label: text('Label of the block that the diff is for. Not looked at when the patch has headers.'),
      patch: text('The patch, without line numbers.'),
    },
  },
  (blocks, { label, patch }) => {
    refuseNumbersInPatch(patch)
    const parsed = parsePatch(patch)
    return parsed.type === 'single' ? update(blocks, label, parsed.lines) : makeAll(blocks, parsed.operations)
  },
)

/** A patch was written for what the model saw. */
function update(blocks: HeldBlock[], label: string, lines: string[]): Edited {
  refuseMissing(blocks, label)
  const block = getEditableBlock(blocks, label)
  refuseIfChanged(block)
  return withValue(block, applyHunks(block.value, lines))
}

/** Each operation is made on what those before it left. The first that does not fit refuses them all. */
function makeAll(blocks: HeldBlock[], operations: Operation[]): Edited {
  let current = blocks
  const edits: MemoryEdit[] = []
  const sentences: string[] = []
  for (const operation of operations) {
    const made = editsOf(current, operation)
    current = applyEdits(current, made)
    edits.push(...made)
    sentences.push(sentenceOf(operation))
  }
  const list = sentences.map((sentence) => `- ${sentence}`).join('\n')
  return { output: `The patch was applied to your memory.\n\nOperations completed:\n${list}`, edits }
}

function editsOf(blocks: HeldBlock[], operation: Operation): MemoryEdit[] {
  const { label } = operation
  switch (operation.type) {
    case 'add': {
      refuseTaken(blocks, label)
      const { value, description } = operation
      return [{ type: 'create', blockId: newId('block'), label, value, description }]
    }
    case 'update':
      return update(blocks, label, operation.lines).edits
    case 'delete':
      return [{ type: 'detach', blockId: refuseMissing(blocks, label).id }]
    case 'move': {
      const { id } = refuseMissing(blocks, label)
      if (operation.to !== label) refuseTaken(blocks, operation.to)
      return [{ type: 'set_label', blockId: id, label: operation.to }]
    }
  }
}

function sentenceOf(operation: Operation): string {
  switch (operation.type) {
    case 'add':
      return `Created memory block '${operation.label}'`
    case 'update':
      return `Updated memory block '${operation.label}'`
    case 'delete':
      return `Deleted memory block '${operation.label}'`
    case 'move':
      return `Renamed memory block '${operation.label}' to '${operation.to}'`
  }
}

function refuseMissing(blocks: HeldBlock[], label: string): HeldBlock {
  const block = findBlock(blocks, label)
  if (block) return block
  throw new ToolError(`Error: Memory block '${label}' does not exist`)
}

function refuseTaken(blocks: HeldBlock[], label: string): void {
  if (findBlock(blocks, label)) throw new ToolError(`Error: Memory block '${label}' already exists`)
}
