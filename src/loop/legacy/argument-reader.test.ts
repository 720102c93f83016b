import { describe, expect, it } from 'vitest'
import { ArgumentReader } from './argument-reader.ts'

/** What the reader makes of a text that comes in pieces of so many characters: each argument's raw text and, of strings, its words. */
function readInPieces(json: string, size: number) {
  const reader = new ArgumentReader()
  const found: Record<string, { raw: string; text: string }> = {}
  let ended = false
  for (let at = 0; at < json.length; at += size) {
    for (const piece of reader.read(json.slice(at, at + size))) {
      if (piece.type === 'end') ended = true
      else if (piece.isFirst) found[piece.name] = { raw: piece.raw, text: piece.text }
      else {
        const one = found[piece.name]
        if (!one) throw new Error(`${piece.name} goes on without a beginning`)
        one.raw += piece.raw
        one.text += piece.text
      }
    }
  }
  return { found, ended }
}

const ARGUMENTS = {
  thinking: 'a "quoted" line\nand \\ a slash, ünïcode 🙂 and {braces}, [brackets]',
  empty: '',
  count: -1.5e3,
  on: true,
  none: null,
  list: ['a, "b"', { deep: '} ]' }, [1, 2]],
  'odd "name"': 'x',
}

describe('the reader of unfinished arguments', () => {
  it.each([1, 2, 3, 7, 10_000])('finds every argument in pieces of %i characters', (size) => {
    for (const json of [JSON.stringify(ARGUMENTS), JSON.stringify(ARGUMENTS, null, 2)]) {
      const { found, ended } = readInPieces(json, size)
      expect(ended).toBe(true)
      expect(Object.keys(found)).toEqual(Object.keys(ARGUMENTS))
      for (const [name, value] of Object.entries(ARGUMENTS)) {
        expect(JSON.parse(found[name]?.raw ?? '')).toEqual(value)
        if (typeof value === 'string') expect(found[name]?.text).toBe(value)
      }
    }
  })

  it('decodes escapes that come in halves', () => {
    expect(readInPieces('{"a":"\\u00e4\\ud83d\\ude42\\n"}', 1).found.a?.text).toBe('ä🙂\n')
  })

  it('gives what there is of arguments that are cut off, and no end', () => {
    expect(readInPieces('{"thinking":"half a tho', 4)).toMatchObject({
      found: { thinking: { text: 'half a tho' } },
      ended: false,
    })
  })

  it.each(['', 'oops', '[1]', '"text"', '{}', '{ }'])('finds no argument in %j', (json) => {
    expect(readInPieces(json, 1).found).toEqual({})
  })
})
