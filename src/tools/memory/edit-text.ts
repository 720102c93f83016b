import { ToolError } from '../tool-error.ts'

const TAB_COLUMNS = 8

/** Tabs as spaces up to the next column of eight: how the old server stored what it edited. */
export function expandTabs(text: string): string {
  if (!text.includes('\t')) return text
  let column = 0
  let expanded = ''
  for (const char of text) {
    const piece = char === '\t' ? ' '.repeat(TAB_COLUMNS - (column % TAB_COLUMNS)) : char
    expanded += piece
    if (char === '\n' || char === '\r') column = 0
    else column += char === '\t' ? piece.length : 1
  }
  return expanded
}

/** Puts whole lines into a text, behind its first `keptLines` lines; -1: behind all. An empty text is one empty line. */
export function insertLines(value: string, added: string, keptLines: number): string {
  const lines = value.split('\n')
  if (keptLines < -1 || keptLines > lines.length) {
    throw new ToolError(
      `Invalid \`insert_line\` parameter: ${keptLines}. It should be within the range of lines of the memory block: [0, ${lines.length}], or -1 to append to the end of the memory block.`,
    )
  }
  return lines.toSpliced(keptLines === -1 ? lines.length : keptLines, 0, added).join('\n')
}

/** Replaces the one place where a text stands. None is refused, and so are several, also when they overlap. */
export function replaceOnce(value: string, oldText: string, newText: string, label: string): string {
  const at = value.indexOf(oldText)
  if (at < 0) {
    throw new ToolError(
      `No replacement was performed, old_string \`${oldText}\` did not appear verbatim in memory block with label \`${label}\`.`,
    )
  }
  if (at < value.length && value.includes(oldText, at + 1)) {
    const lines = value.split('\n').flatMap((line, index) => (line.includes(oldText) ? [index + 1] : []))
    throw new ToolError(
      `No replacement was performed. Multiple occurrences of old_string \`${oldText}\` in lines [${lines.join(', ')}]. Please ensure it is unique.`,
    )
  }
  return value.slice(0, at) + newText + value.slice(at + oldText.length)
}
