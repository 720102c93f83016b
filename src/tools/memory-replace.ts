import { z } from 'zod'
import { editableBlock, expandTabs, refuseBanner, refuseLineNumbers, replaceOnce } from './blocks.ts'
import { editTool, stringOf } from './define.ts'

export const memoryReplace = editTool(
  {
    name: 'memory_replace',
    toolType: 'letta_sleeptime_core',
    description: 'Replace a piece of text in one of your memory blocks with another one.',
    properties: {
      label: stringOf('Label of the memory block to edit.'),
      old_string: stringOf('The text to replace, exactly as it stands in the block; it must occur once.'),
      new_string: stringOf('The text to put in its place, without line numbers.'),
    },
    required: ['label', 'old_string', 'new_string'],
  },
  z.object({ label: z.string(), old_string: z.string(), new_string: z.string() }),
  (blocks, { label, old_string, new_string }) => {
    const block = editableBlock(blocks, label)
    refuseLineNumbers('old_string', old_string)
    refuseLineNumbers('new_string', new_string)
    refuseBanner('old_string', old_string)
    const value = replaceOnce(expandTabs(block.value), expandTabs(old_string), expandTabs(new_string), label)
    return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
  },
)
