/** One line of a hunk: it stays, goes or comes. */
export type HunkLine = { kind: 'context' | 'remove' | 'add'; text: string }
export type Hunk = HunkLine[]

/**
 * The hunks of a simplified unified diff that change something. A line is read by its first character; one without a
 * mark is context, because models leave out the space.
 */
export function parseHunks(lines: string[]): Hunk[] {
  return bodyOf(lines)
    .reduce<string[][]>(addLine, [[]])
    .map((hunk) => withoutBlankEdges(hunk).map(toHunkLine))
    .filter((hunk) => hunk.some(({ kind }) => kind !== 'context'))
}

/**
 * Leaves out what is not part of any hunk. File names are told from changes by their place: `---` and `+++` together, on
 * top of all. Elsewhere `--- x` removes the line `-- x`.
 */
function bodyOf(lines: string[]): string[] {
  const content = lines.filter((line) => !line.startsWith('***') && !line.startsWith('\\'))
  const first = content.findIndex((line) => line !== '')
  const isNamed = content[first]?.startsWith('--- ') && content[first + 1]?.startsWith('+++ ')
  return isNamed ? content.slice(first + 2) : content
}

function addLine(hunks: string[][], line: string): string[][] {
  if (line.startsWith('@@')) hunks.push([])
  else hunks.at(-1)?.push(line)
  return hunks
}

/** Lines that are wholly empty at the edges come from how the patch was written down. Blank context has its space. */
function withoutBlankEdges(lines: string[]): string[] {
  const first = lines.findIndex((line) => line !== '')
  const last = lines.findLastIndex((line) => line !== '')
  return first < 0 ? [] : lines.slice(first, last + 1)
}

function toHunkLine(line: string): HunkLine {
  const text = line.slice(1)
  if (line.startsWith('+')) return { kind: 'add', text }
  if (line.startsWith('-')) return { kind: 'remove', text }
  return { kind: 'context', text: line.startsWith(' ') ? text : line }
}
