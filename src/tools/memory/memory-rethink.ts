import { editTool } from '../define.ts'
import { text } from '../parameters.ts'
import { expandTabs } from './edit-text.ts'
import { getEditableBlock, refuseIfChanged, withValue } from './held-blocks.ts'
import { refuseBanner, refuseLineNumbers } from './shown-numbers.ts'

export const memoryRethink = editTool(
  {
    name: 'memory_rethink',
    toolType: 'letta_sleeptime_core',
    description:
      'Write one of your memory blocks anew from beginning to end. For reordering and condensing; for small changes use the tools that change only a part.',
    parameters: {
      label: text('Label of the block.'),
      new_memory: text('All that the block shall hold from now on, without line numbers.'),
    },
  },
  (blocks, { label, new_memory }) => {
    const block = getEditableBlock(blocks, label)
    refuseLineNumbers('new_memory', new_memory)
    refuseBanner('new_memory', new_memory)
    refuseIfChanged(block)
    return withValue(block, expandTabs(new_memory))
  },
)
