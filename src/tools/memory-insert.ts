import { z } from 'zod'
import {
  editableBlock,
  expandTabs,
  insertLines,
  refuseBanner,
  refuseIfChanged,
  refuseLineNumbers,
} from './blocks.ts'
import { editTool, integerOf, stringOf } from './define.ts'

export const memoryInsert = editTool(
  {
    name: 'memory_insert',
    toolType: 'letta_sleeptime_core',
    description: 'Insert text into one of your memory blocks, as lines of its own.',
    properties: {
      label: stringOf('Label of the memory block to edit.'),
      new_string: stringOf('The text to insert, without line numbers.'),
      insert_line: integerOf(
        'Line after which the text is inserted: 0 for the beginning, -1 (default) for the end.',
      ),
    },
    required: ['label', 'new_string'],
  },
  z.object({ label: z.string(), new_string: z.string(), insert_line: z.number().int().nullish() }),
  (blocks, { label, new_string, insert_line }) => {
    const block = editableBlock(blocks, label)
    refuseLineNumbers('new_string', new_string)
    refuseBanner('new_string', new_string)
    const at = insert_line ?? -1
    if (at !== -1) refuseIfChanged(block)
    const value = insertLines(expandTabs(block.value), expandTabs(new_string), at)
    return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
  },
)
