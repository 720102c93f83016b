import { describe, expect, it } from 'vitest'
import { printed } from './printed.ts'

describe('printed', () => {
  it.each([
    [null, 'None'],
    [undefined, 'None'],
    [true, 'True'],
    [false, 'False'],
    [4, '4'],
    [1.5, '1.5'],
    ['plain', 'plain'],
    ["it's", "it's"],
    [[1, 'two', null, true], "[1, 'two', None, True]"],
    [["it's", 'say "hi"', 'both \' and "'], `["it's", 'say "hi"', 'both \\' and "']`],
    [['a\nb\\c\u0007'], "['a\\nb\\\\c\\x07']"],
    [[], '[]'],
    [{ a: 1, b: [1, 2] }, "{'a': 1, 'b': [1, 2]}"],
  ])('prints %j as %s', (value, text) => {
    expect(printed(value)).toBe(text)
  })
})
