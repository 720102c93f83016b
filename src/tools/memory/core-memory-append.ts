import { editTool } from '../define.ts'
import { text } from '../parameters.ts'
import { getEditableBlock, withValue } from './held-blocks.ts'

export const coreMemoryAppend = editTool(
  {
    name: 'core_memory_append',
    toolType: 'letta_memory_core',
    description: 'Append to the contents of core memory.',
    parameters: {
      label: text('Section of the memory to be edited.'),
      content: text('The text to add.'),
    },
  },
  (blocks, { label, content }) => {
    const block = getEditableBlock(blocks, label)
    return withValue(block, `${block.value}\n${content}`)
  },
)
