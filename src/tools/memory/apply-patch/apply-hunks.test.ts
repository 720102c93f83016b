import { describe, expect, it } from 'vitest'
import { applyHunks } from './apply-hunks.ts'

describe('a diff of one block', () => {
  it.each([
    ['changes a line between others', 'a\nb\nc', '@@\n a\n-b\n+B\n c', 'a\nB\nc'],
    ['adds at the end without context', 'a', '+z', 'a\nz'],
    ['adds to an empty block as insertion does', '', '+z', '\nz'],
    ['adds behind its context', 'a\nb', ' a\n+x', 'a\nx\nb'],
    ['adds before its context', 'a\nb', '+x\n b', 'a\nx\nb'],
    ['removes', 'a\nb\nc', '-b', 'a\nc'],
    ['takes several hunks in turn', 'a\nb\nc', '@@\n-a\n+A\n@@ later\n-c\n+C', 'A\nb\nC'],
    ['sees what the hunk before made', 'a', '@@\n-a\n+b\n@@\n-b\n+c', 'c'],
    ['takes an unmarked line as context', 'a\nb', 'a\n-b\n+B', 'a\nB'],
    ['takes an empty line as blank context', 'a\n\nb', ' a\n\n-b\n+B', 'a\n\nB'],
  ])('%s', (_, value, patch, result) => {
    expect(apply(value, patch)).toBe(result)
  })

  it('leaves out file names and envelopes', () => {
    const patch =
      '*** Begin Patch\n--- a/human\n+++ b/human\n@@ -1 +1 @@\n-a\n+b\n\\ No newline at end of file\n*** End Patch'
    expect(apply('a', patch)).toBe('b')
  })

  it('removes and adds lines that look like file names', () => {
    expect(apply('x\n-- old\ny', ' x\n--- old\n+++ new')).toBe('x\n++ new\ny')
    expect(apply('-- a', '--- a')).toBe('')
    expect(apply('--', '---\n+x')).toBe('x')
  })

  it('does not mind empty lines around it', () => {
    expect(apply('a\nb', '\n-a\n+A\n\n\n')).toBe('A\nb')
    expect(apply('a\nb', '@@\n-a\n+A\n\n@@\n-b\n+B\n')).toBe('A\nB')
  })

  it('does not mind blank context at its end that is not there', () => {
    expect(apply('a\nb', '-b\n+B\n ')).toBe('a\nB')
  })

  it('uses blank context at its end to tell places apart', () => {
    expect(apply('a\nx\na\n', '-a\n+A\n ')).toBe('a\nx\nA\n')
    expect(apply('a\n', '+x\n ')).toBe('a\nx\n')
  })

  it('compares tabs and blanks as they are, then without those at the end', () => {
    expect(apply('\tkey\tvalue', '-\tkey\tvalue\n+\tkey\tother')).toBe('\tkey\tother')
    expect(apply('a  \nb\t', '-a\n+A')).toBe('A\nb\t')
    expect(() => apply('a b', '-a  b\n+x')).toThrow('not found')
    expect(() => apply('\ta', '-        a\n+x')).toThrow('not found')
  })

  it('prefers the place that fits to the letter', () => {
    expect(apply('a \na', '-a\n+b')).toBe('a \nb')
  })

  it('keeps context as the block has it', () => {
    expect(apply('a  \nb\r\nc', ' a\n-b\n+B\n c')).toBe('a  \nB\nc')
  })

  it('refuses a place that is not there, and shows where it looked', () => {
    expect(() => apply('a\nb', ' 1\n 2\n-3\n 4')).toThrow(
      'Failed to apply patch: expected hunk context not found in the memory block. Expected start:\n1\n2\n3',
    )
    expect(() => apply('a', '-a\n-b\n+c')).toThrow('Failed to apply patch: expected hunk context not found')
    expect(() => apply('a', '+x\n ')).toThrow('Failed to apply patch: expected hunk context not found')
  })

  it('refuses a place that is not the only one', () => {
    expect(() => apply('a\na', '-a\n+b')).toThrow(
      'Failed to apply patch: hunk context matched multiple places',
    )
    expect(() => apply('a\na\na', ' a\n-a')).toThrow(
      'Failed to apply patch: hunk context matched multiple places',
    )
  })

  it.each(['', '\n\n', ' a', '@@\n a\n@@', '*** Begin Patch\n*** End Patch', '--- a\n+++ b'])(
    'refuses %j, which changes nothing',
    (patch) => {
      expect(() => apply('a', patch)).toThrow(/^No applicable hunks found in patch\. /)
    },
  )
})

// Goal: any edit can be said as a patch, and taken back by the opposite patch.
// Method: random texts over few different lines, so that blanks, marks and repetitions are common; an edit keeps,
// removes or adds lines; the patch is written as the edit is, whole or cut into hunks between lines that are unique.
describe('any edit', () => {
  const SEEDS = Array.from({ length: 300 }, (_, index) => index + 1)

  it.each([
    ['as one hunk over the whole block', wholePatch],
    ['as hunks with a line of context', cutPatch],
  ])('comes out of its patch, and back out of the opposite one, %s', (_, write) => {
    for (const seed of SEEDS) {
      const { before, after, ops } = randomEdit(seed, write === cutPatch)
      if (ops.every(({ mark }) => mark === ' ')) continue
      const there = apply(before, write(ops))
      const back = apply(after, write(ops.map(opposite)))
      expect({ seed, there, back }).toEqual({ seed, there: after, back: before })
    }
  })

  it('never changes a line that its patch does not show', () => {
    for (const seed of SEEDS) {
      const { before, ops } = randomEdit(seed, true)
      const kept = ops.filter(({ mark }) => mark === ' ').map(({ line }) => line)
      if (kept.length === ops.length) continue
      const lines = apply(before, cutPatch(ops)).split('\n')
      expect(lines.filter((line) => kept.includes(line))).toEqual(kept)
    }
  })
})

type Op = { mark: ' ' | '-' | '+'; line: string }

function apply(value: string, patch: string): string {
  return applyHunks(value, patch.split(/\r?\n/))
}

const LINES = ['', ' ', 'a', 'a ', '\tb', '-', '--', '-- c', '++ c', '@', '* d', '→', 'ü 😀']

/** The first line stays: an edit of all lines could be said in no other way than without context. */
function randomEdit(seed: number, isUnique: boolean): { before: string; after: string; ops: Op[] } {
  const random = randomOf(seed)
  const count = 1 + Math.floor(random() * 8)
  const lineAt = (index: number) => {
    const line = LINES[Math.floor(random() * LINES.length)] ?? ''
    return isUnique ? `${index} ${line}.` : line
  }
  const ops = Array.from({ length: count }, (_, index): Op[] => {
    const kept: Op = { mark: index === 0 || random() < 0.6 ? ' ' : '-', line: lineAt(index) }
    return random() < 0.3 ? [kept, { mark: '+', line: lineAt(100 + index) }] : [kept]
  }).flat()
  const side = (gone: Op['mark']) => ops.flatMap(({ mark, line }) => (mark === gone ? [] : [line])).join('\n')
  return { before: side('+'), after: side('-'), ops }
}

function wholePatch(ops: Op[]): string {
  return ops.map(({ mark, line }) => mark + line).join('\n')
}

/** Each run of changes with the line before it. Context that is a whole run stands in no hunk. */
function cutPatch(ops: Op[]): string {
  const hunks: Op[][] = []
  for (const [index, op] of ops.entries()) {
    if (op.mark === ' ') continue
    const before = ops[index - 1]
    if (before?.mark === ' ' || before === undefined) hunks.push(before ? [before, op] : [op])
    else hunks.at(-1)?.push(op)
  }
  return hunks.map((hunk) => `@@\n${wholePatch(hunk)}`).join('\n')
}

function opposite({ mark, line }: Op): Op {
  const marks = { ' ': ' ', '-': '+', '+': '-' } as const
  return { mark: marks[mark], line }
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
