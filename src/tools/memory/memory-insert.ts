import type { HeldBlock } from '../../domain/memory.ts'
import { type Edited, editTool } from '../define.ts'
import { integer, optional, text } from '../parameters.ts'
import { expandTabs, insertLines } from './edit-text.ts'
import { getEditableBlock, refuseIfChanged, withValue } from './held-blocks.ts'
import { refuseBanner, refuseLineNumbers } from './shown-numbers.ts'

export const memoryInsert = editTool(
  {
    name: 'memory_insert',
    toolType: 'letta_sleeptime_core',
    description: 'Add text to one of your memory blocks, as lines of its own between those that are there.',
    parameters: {
      label: text('Label of the block.'),
      new_string: text('The text to add, without line numbers.'),
      insert_line: optional(
        integer('How many lines stay above the new text: 0 puts it first; left out or -1, it comes last.'),
      ),
    },
  },
  (blocks, { label, new_string, insert_line }) =>
    insertText(blocks, label, { name: 'new_string', text: new_string, keptLines: insert_line ?? -1 }),
)

export type Insertion = {
  /** The argument that holds the text, for refusals. */
  name: string
  text: string
  /** Lines of the block that stay above; -1: all of them. */
  keptLines: number
}

/** At the end there is always room; a place between lines is one that the model has seen. */
export function insertText(blocks: HeldBlock[], label: string, insertion: Insertion): Edited {
  const { name, text: added, keptLines } = insertion
  const block = getEditableBlock(blocks, label)
  refuseLineNumbers(name, added)
  refuseBanner(name, added)
  if (keptLines !== -1) refuseIfChanged(block)
  return withValue(block, insertLines(expandTabs(block.value), expandTabs(added), keptLines))
}
