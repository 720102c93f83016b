import { z } from 'zod'
import { editableBlock } from './blocks.ts'
import { editTool, stringOf, ToolError } from './define.ts'

export const coreMemoryAppend = editTool(
  {
    name: 'core_memory_append',
    toolType: 'letta_memory_core',
    description: 'Append to the contents of core memory.',
    properties: {
      label: stringOf('Section of the memory to be edited.'),
      content: stringOf('Content to write to the memory. Unicode (including emojis) is allowed.'),
    },
    required: ['label', 'content'],
  },
  z.object({ label: z.string(), content: z.string() }),
  (blocks, { label, content }) => {
    const block = editableBlock(blocks, label)
    const value = `${block.value}\n${content}`
    return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
  },
)

export const coreMemoryReplace = editTool(
  {
    name: 'core_memory_replace',
    toolType: 'letta_memory_core',
    description: 'Replace text in core memory wherever it occurs; an empty replacement deletes it.',
    properties: {
      label: stringOf('Section of the memory to be edited.'),
      old_content: stringOf('The text to replace; it must match exactly.'),
      new_content: stringOf('The text to put in its place.'),
    },
    required: ['label', 'old_content', 'new_content'],
  },
  z.object({ label: z.string(), old_content: z.string(), new_content: z.string() }),
  (blocks, { label, old_content, new_content }) => {
    const block = editableBlock(blocks, label)
    if (!block.value.includes(old_content)) {
      throw new ToolError(`Old content '${old_content}' not found in memory block '${label}'`)
    }
    const value = block.value.replaceAll(old_content, () => new_content)
    return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
  },
)
