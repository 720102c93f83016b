import type { HeldBlock } from '../../domain/memory.ts'
import { type Edited, editTool } from '../define.ts'
import { text } from '../parameters.ts'
import { expandTabs, replaceOnce } from './edit-text.ts'
import { getEditableBlock, withValue } from './held-blocks.ts'
import { refuseBanner, refuseLineNumbers } from './shown-numbers.ts'

export const memoryReplace = editTool(
  {
    name: 'memory_replace',
    toolType: 'letta_sleeptime_core',
    description:
      'Exchange a piece of text in one of your memory blocks for another. An empty new text removes the old one.',
    parameters: {
      label: text('Label of the block.'),
      old_string: text(
        'The text to exchange, letter by letter as it stands in the block, where it may stand only once.',
      ),
      new_string: text('What takes its place, without line numbers.'),
    },
  },
  (blocks, { label, old_string, new_string }) => replaceText(blocks, label, old_string, new_string),
)

/** Works on whatever the block holds now: the old text itself says what the model has seen. */
export function replaceText(blocks: HeldBlock[], label: string, oldText: string, newText: string): Edited {
  const block = getEditableBlock(blocks, label)
  refuseLineNumbers('old_string', oldText)
  refuseLineNumbers('new_string', newText)
  refuseBanner('old_string', oldText)
  return withValue(
    block,
    replaceOnce(expandTabs(block.value), expandTabs(oldText), expandTabs(newText), label),
  )
}
