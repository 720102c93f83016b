import { z } from 'zod'
import { newId } from '../domain/id.ts'
import { applyEdits, type HeldBlock, type MemoryEdit } from '../domain/memory.ts'
import { applyHunks } from './apply-patch/apply-hunks.ts'
import { type Operation, parsePatch } from './apply-patch/parse-patch.ts'
import { editableBlock, refuseIfChanged } from './blocks.ts'
import { type Edited, editTool, stringOf, ToolError } from './define.ts'

export const memoryApplyPatch = editTool(
  {
    name: 'memory_apply_patch',
    toolType: 'letta_memory_core',
    description:
      'Change memory blocks by a simplified unified diff: lines that start with a space are context, with - removed, with + added. With headers (*** Add Block: x, *** Update Block: x, *** Delete Block: x, *** Move to: y) it changes several blocks at once.',
    properties: {
      label: stringOf('The memory block to edit, when the patch has no headers.'),
      patch: stringOf('The patch, without line numbers.'),
    },
    required: ['label', 'patch'],
  },
  z.object({ label: z.string(), patch: z.string() }),
  (blocks, { label, patch }) => {
    refuseNumbers(patch)
    const parsed = parsePatch(patch)
    return parsed.type === 'single'
      ? patchOne(blocks, label, parsed.lines)
      : patchMany(blocks, parsed.operations)
  },
)

function refuseNumbers(patch: string): void {
  if (/^[ +-]?[ \t]*\d+→[ \t]*/m.test(patch)) {
    throw new ToolError('Patch contains a line number prefix, which is not allowed. Leave the numbers out.')
  }
  if (patch.includes('# NOTE: Line numbers are shown')) {
    throw new ToolError('Patch contains the line number warning banner, which is not allowed. Leave it out.')
  }
}

function patchOne(blocks: HeldBlock[], label: string, lines: string[]): Edited {
  if (!blocks.some((block) => block.label === label)) {
    throw new ToolError(`Error: Memory block '${label}' does not exist`)
  }
  const block = editableBlock(blocks, label)
  refuseIfChanged(block)
  const value = applyHunks(block.value, lines)
  return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
}

/** All operations are made on what the ones before left; the first that does not fit refuses them all. */
function patchMany(blocks: HeldBlock[], operations: Operation[]): Edited {
  let now = blocks
  const edits: MemoryEdit[] = []
  const done: string[] = []
  for (const operation of operations) {
    const made = editsOf(now, operation)
    now = applyEdits(now, made.edits)
    edits.push(...made.edits)
    done.push(made.sentence)
  }
  const list = done.map((sentence) => `- ${sentence}`).join('\n')
  return { output: `Successfully applied the patch to your memory.\n\nOperations completed:\n${list}`, edits }
}

function editsOf(blocks: HeldBlock[], operation: Operation): { edits: MemoryEdit[]; sentence: string } {
  const { label } = operation
  if (operation.type === 'add') {
    if (blocks.some((block) => block.label === label))
      throw new ToolError(`Error: Memory block '${label}' already exists`)
    const { value, description } = operation
    return {
      edits: [{ type: 'create', blockId: newId('block'), label, value, description }],
      sentence: `Created memory block '${label}'`,
    }
  }
  if (!blocks.some((block) => block.label === label))
    throw new ToolError(`Error: Memory block '${label}' does not exist`)
  const block = editableBlock(blocks, label)
  switch (operation.type) {
    case 'delete':
      return { edits: [{ type: 'detach', blockId: block.id }], sentence: `Deleted memory block '${label}'` }
    case 'move':
      if (blocks.some((other) => other.label === operation.to)) {
        throw new ToolError(`Error: Memory block '${operation.to}' already exists`)
      }
      return {
        edits: [{ type: 'set_label', blockId: block.id, label: operation.to }],
        sentence: `Renamed memory block '${label}' to '${operation.to}'`,
      }
    case 'update':
      refuseIfChanged(block)
      return {
        edits: [{ type: 'set_value', blockId: block.id, value: applyHunks(block.value, operation.lines) }],
        sentence: `Updated memory block '${label}'`,
      }
  }
}
