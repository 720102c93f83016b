import { editTool } from '../define.ts'
import { text } from '../parameters.ts'
import { ToolError } from '../tool-error.ts'
import { getEditableBlock, withValue } from './held-blocks.ts'

export const coreMemoryReplace = editTool(
  {
    name: 'core_memory_replace',
    toolType: 'letta_memory_core',
    description:
      'Exchange a text for another everywhere in one of your memory blocks. An empty new text removes the old one.',
    parameters: {
      label: text('Section of the memory to be edited.'),
      old_content: text('The text to exchange, letter by letter as it stands in the block.'),
      new_content: text('What takes its place.'),
    },
  },
  (blocks, { label, old_content, new_content }) => {
    const block = getEditableBlock(blocks, label)
    // An empty text stands between all letters: to exchange it would spell the block apart.
    if (old_content === '' || !block.value.includes(old_content)) {
      throw new ToolError(`Old content '${old_content}' not found in memory block '${label}'`)
    }
    return withValue(
      block,
      block.value.replaceAll(old_content, () => new_content),
    )
  },
)
