import { z } from 'zod'
import { editableBlock, expandTabs, refuseBanner, refuseIfChanged, refuseLineNumbers } from './blocks.ts'
import { editTool, stringOf } from './define.ts'

export const memoryRethink = editTool(
  {
    name: 'memory_rethink',
    toolType: 'letta_sleeptime_core',
    description: 'Rewrite one of your memory blocks as a whole, to reorganise or condense what it holds.',
    properties: {
      label: stringOf('Label of the memory block to rewrite.'),
      new_memory: stringOf('The whole new content of the block, without line numbers.'),
    },
    required: ['label', 'new_memory'],
  },
  z.object({ label: z.string(), new_memory: z.string() }),
  (blocks, { label, new_memory }) => {
    const block = editableBlock(blocks, label)
    refuseLineNumbers('new_memory', new_memory)
    refuseBanner('new_memory', new_memory)
    refuseIfChanged(block)
    const value = expandTabs(new_memory)
    return { output: value, edits: [{ type: 'set_value', blockId: block.id, value }] }
  },
)
