import type { HeldBlock } from '../domain/memory.ts'
import { ToolError } from './define.ts'

/** Lines of a block are shown with numbers to some models; copied into an argument they would become memory. */
const LINE_NUMBER = /^[ \t]*\d+→[ \t]*/m
const LINE_NUMBER_BANNER = '# NOTE: Line numbers are shown'

/** The block of a label that may be edited. Refuses one that does not exist, or that is read-only. */
export function editableBlock(blocks: HeldBlock[], label: string): HeldBlock {
  const block = findBlock(blocks, label)
  if (block.readOnly) throw new ToolError('Error This block is read-only and cannot be edited.')
  return block
}

export function findBlock(blocks: HeldBlock[], label: string): HeldBlock {
  const block = blocks.find((candidate) => candidate.label === label)
  if (block) return block
  const sections = blocks.map((candidate) => candidate.label).join(', ')
  throw new ToolError(`Block field ${label} does not exist (available sections = ${sections})`, 'KeyError')
}

export function refuseLineNumbers(argument: string, text: string): void {
  if (LINE_NUMBER.test(text)) {
    throw new ToolError(
      `${argument} contains a line number prefix, which is not allowed. Leave the numbers out: they are not part of the memory.`,
    )
  }
}

export function refuseBanner(argument: string, text: string): void {
  if (text.includes(LINE_NUMBER_BANNER)) {
    throw new ToolError(
      `${argument} contains a line number warning, which is not allowed. It is not part of the memory.`,
    )
  }
}

/**
 * An edit that depends on what the model saw is refused when somebody else has written the block since: the text of the
 * refusal carries what the block holds now.
 */
export function refuseIfChanged(block: HeldBlock): void {
  if (!block.changedByOthers) return
  throw new ToolError(
    `The memory block '${block.label}' was changed by someone else after you last saw it, so the edit was not made. Its value is now:\n${block.value}`,
  )
}

/** Tabs as they are shown, eight columns wide. */
export function expandTabs(text: string): string {
  return text
    .split('\n')
    .map((line) => {
      let column = 0
      let expanded = ''
      for (const char of line) {
        const piece = char === '\t' ? ' '.repeat(8 - (column % 8)) : char
        expanded += piece
        column += piece.length
      }
      return expanded
    })
    .join('\n')
}

/** Puts whole lines into a text, behind the first `insertLine` lines; -1: at the end. */
export function insertLines(value: string, added: string, insertLine: number): string {
  const lines = value.split('\n')
  if (insertLine !== -1 && (insertLine < 0 || insertLine > lines.length)) {
    throw new ToolError(
      `Invalid \`insert_line\` parameter: ${insertLine}. It should be within the range of lines of the memory block: [0, ${lines.length}], or -1 to append to the end of the memory block.`,
    )
  }
  const at = insertLine === -1 ? lines.length : insertLine
  return [...lines.slice(0, at), ...added.split('\n'), ...lines.slice(at)].join('\n')
}

/** Replaces the one place where a text stands; none or several are refused. */
export function replaceOnce(value: string, oldText: string, newText: string, label: string): string {
  const first = value.indexOf(oldText)
  if (oldText === '' || first < 0) {
    throw new ToolError(
      `No replacement was performed, old_string \`${oldText}\` did not appear verbatim in memory block with label \`${label}\`.`,
    )
  }
  if (value.indexOf(oldText, first + 1) >= 0) {
    const lines = value.split('\n').flatMap((line, index) => (line.includes(oldText) ? [index + 1] : []))
    throw new ToolError(
      `No replacement was performed. Multiple occurrences of old_string \`${oldText}\` in lines [${lines.join(', ')}]. Please ensure it is unique.`,
    )
  }
  return value.slice(0, first) + newText + value.slice(first + oldText.length)
}
