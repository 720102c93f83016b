import { ToolError } from '../define.ts'

type Hunk = { expected: string[]; replacement: string[]; adds: boolean; removes: boolean }

/**
 * Applies a simplified unified diff to a text. Each hunk must fit in exactly one place; one that only adds goes to the
 * end. Lines are compared as they are, and if that fails without blanks at their ends.
 */
export function applyHunks(value: string, lines: string[]): string {
  const hunks = hunksOf(lines)
  if (hunks.length === 0) {
    throw new ToolError('No applicable hunks found in patch. Start lines with a space, - or +.')
  }
  return hunks.reduce((text, hunk) => applyHunk(text, hunk), value)
}

function applyHunk(value: string, hunk: Hunk): string {
  const lines = value.split('\n')
  if (hunk.expected.length === 0) return [...lines, ...hunk.replacement].join('\n')
  const exact = placesOf(lines, hunk.expected, (line) => line)
  const places = exact.length > 0 ? exact : placesOf(lines, hunk.expected, (line) => line.trimEnd())
  const [at, ...more] = places
  if (at === undefined) {
    const sample = hunk.expected.slice(0, 3).join('\n')
    throw new ToolError(
      `Failed to apply patch: expected hunk context not found in the memory block. Expected start:\n${sample}`,
    )
  }
  if (more.length > 0) {
    throw new ToolError(
      'Failed to apply patch: hunk context matched multiple places in the memory block. Add more context lines.',
    )
  }
  return [...lines.slice(0, at), ...hunk.replacement, ...lines.slice(at + hunk.expected.length)].join('\n')
}

function placesOf(lines: string[], expected: string[], normal: (line: string) => string): number[] {
  const places: number[] = []
  for (let start = 0; start + expected.length <= lines.length; start++) {
    if (expected.every((line, index) => normal(line) === normal(lines[start + index] ?? '')))
      places.push(start)
  }
  return places
}

function hunksOf(lines: string[]): Hunk[] {
  const hunks: Hunk[] = []
  let current = emptyHunk()
  const close = () => {
    trimBlankEnd(current)
    if (current.adds || current.removes) hunks.push(current)
    current = emptyHunk()
  }
  for (const [index, line] of lines.entries()) {
    if (line.startsWith('@@')) close()
    else if (!isFileHeader(lines, index)) addLine(current, line)
  }
  close()
  return hunks
}

/** `---` and `+++` are headers where they stand together, before the hunks; elsewhere they remove and add. */
function isFileHeader(lines: string[], index: number): boolean {
  const line = lines[index] ?? ''
  if (line.startsWith('*** ')) return true
  if (/^--- /.test(line)) return /^\+\+\+ /.test(lines[index + 1] ?? '')
  return /^\+\+\+ /.test(line) && /^--- /.test(lines[index - 1] ?? '')
}

function addLine(hunk: Hunk, line: string): void {
  const text = line.slice(1)
  if (line.startsWith('+')) {
    hunk.replacement.push(text)
    hunk.adds = true
  } else if (line.startsWith('-')) {
    hunk.expected.push(text)
    hunk.removes = true
  } else {
    const context = line.startsWith(' ') ? text : line
    hunk.expected.push(context)
    hunk.replacement.push(context)
  }
}

/** Blank lines at the end of a patch are rarely meant as context. */
function trimBlankEnd(hunk: Hunk): void {
  while (hunk.expected.at(-1) === '' && hunk.replacement.at(-1) === '' && hunk.expected.length > 0) {
    hunk.expected.pop()
    hunk.replacement.pop()
  }
}

function emptyHunk(): Hunk {
  return { expected: [], replacement: [], adds: false, removes: false }
}
