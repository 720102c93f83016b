import { ToolError } from '../../tool-error.ts'
import { type Hunk, type HunkLine, parseHunks } from './parse-hunks.ts'

/** How alike a line of a hunk and one of the block must be: to the letter, or else up to blanks at the end. */
const LIKENESSES: ((line: string) => string)[] = [(line) => line, (line) => line.trimEnd()]
const SAMPLE_LINES = 3

/**
 * Applies a simplified unified diff to a text, hunk after hunk. Each must fit in exactly one place; one that only adds
 * goes to the end. Line numbers are not needed, and not looked at.
 */
export function applyHunks(value: string, patch: string[]): string {
  const hunks = parseHunks(patch)
  if (hunks.length === 0) {
    throw new ToolError(
      'No applicable hunks found in patch. Begin each line with + to add it, - to remove it, or a space for context.',
    )
  }
  return hunks.reduce(applyHunk, value)
}

function applyHunk(value: string, hunk: Hunk): string {
  const lines = value.split('\n')
  if (expectedOf(hunk).length === 0) return [...lines, ...hunk.map(({ text }) => text)].join('\n')
  const { at, fitting } = placeOf(lines, hunk)
  let next = at
  const changed = fitting.flatMap(({ kind, text }) => {
    if (kind === 'add') return [text]
    // Context stays as the block has it, also where the patch has other blanks.
    const stored = lines[next++] ?? ''
    return kind === 'context' ? [stored] : []
  })
  return [...lines.slice(0, at), ...changed, ...lines.slice(next)].join('\n')
}

/** The one place where a hunk fits: as it is, or else without blank context at its end. */
function placeOf(lines: string[], hunk: Hunk): { at: number; fitting: Hunk } {
  for (const fitting of [hunk, withoutBlankEnd(hunk)]) {
    const [at, ...more] = placesOf(lines, expectedOf(fitting))
    if (at !== undefined && more.length === 0) return { at, fitting }
    if (more.length > 0) {
      throw new ToolError(
        'Failed to apply patch: hunk context matched multiple places in the memory block. Add lines around the change until it fits only once.',
      )
    }
  }
  const sample = expectedOf(hunk).slice(0, SAMPLE_LINES).join('\n')
  throw new ToolError(
    `Failed to apply patch: expected hunk context not found in the memory block. Expected start:\n${sample}`,
  )
}

function placesOf(lines: string[], expected: string[]): number[] {
  for (const likeness of LIKENESSES) {
    const have = lines.map(likeness)
    const want = expected.map(likeness)
    const places = have
      .slice(0, Math.max(0, have.length - want.length + 1))
      .flatMap((_, start) => (want.every((line, index) => line === have[start + index]) ? [start] : []))
    if (places.length > 0) return places
  }
  return []
}

/** A hunk keeps at least one line that says where it belongs. */
function withoutBlankEnd(hunk: Hunk): Hunk {
  const last = hunk.findLastIndex((line) => !isBlankContext(line))
  const shorter = hunk.slice(0, last + 1)
  return expectedOf(shorter).length > 0 ? shorter : hunk
}

function isBlankContext({ kind, text }: HunkLine): boolean {
  return kind === 'context' && text.trim() === ''
}

function expectedOf(hunk: Hunk): string[] {
  return hunk.filter(({ kind }) => kind !== 'add').map(({ text }) => text)
}
