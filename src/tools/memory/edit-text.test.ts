import { describe, expect, it } from 'vitest'
import { expandTabs, insertLines, replaceOnce } from './edit-text.ts'

describe('tabs', () => {
  it.each([
    ['a\tb', 'a       b'],
    ['\t', '        '],
    ['12345678\tx', '12345678        x'],
    ['a\n\tb', 'a\n        b'],
    ['a\r\tb', 'a\r        b'],
    ['😀\tx', '😀       x'],
    ['no tab', 'no tab'],
  ])('of %j reach the next column of eight', (text, expanded) => {
    expect(expandTabs(text)).toBe(expanded)
  })
})

describe('lines put in', () => {
  it.each([
    ['a\nb', 0, 'x\na\nb'],
    ['a\nb', 1, 'a\nx\nb'],
    ['a\nb', 2, 'a\nb\nx'],
    ['a\nb', -1, 'a\nb\nx'],
    ['', -1, '\nx'],
    ['', 0, 'x\n'],
    ['a\n', -1, 'a\n\nx'],
  ])('%j behind %i lines', (value, keptLines, result) => {
    expect(insertLines(value, 'x', keptLines)).toBe(result)
  })

  it('may be several', () => {
    expect(insertLines('a\nb', 'x\ny', 1)).toBe('a\nx\ny\nb')
  })

  it.each([3, 99, -2])('are refused behind %i of two lines', (keptLines) => {
    expect(() => insertLines('a\nb', 'x', keptLines)).toThrow(
      `Invalid \`insert_line\` parameter: ${keptLines}. It should be within the range of lines of the memory block: [0, 2], or -1 to append to the end of the memory block.`,
    )
  })
})

describe('a text replaced', () => {
  it('stands once', () => {
    expect(replaceOnce('one two', 'two', '2', 'notes')).toBe('one 2')
    expect(replaceOnce('a\nb\nc', 'a\nb', 'x', 'notes')).toBe('x\nc')
    expect(replaceOnce('cost: 1', '1', '$&', 'notes')).toBe('cost: $&')
  })

  it('is refused when it is not there', () => {
    expect(() => replaceOnce('one', 'zzz', '1', 'notes')).toThrow(
      'No replacement was performed, old_string `zzz` did not appear verbatim in memory block with label `notes`.',
    )
  })

  it.each([
    ['one two one', 'one', '1'],
    ['a\nb a\nc\na', 'a', '1, 2, 4'],
    ['a\nb\na\nb', 'a\nb', ''],
    ['aaa', 'aa', '1'],
    ['a\nb', '', '1, 2'],
  ])('is refused when %j has %j several times, with the lines where it stands', (value, oldText, lines) => {
    expect(() => replaceOnce(value, oldText, 'x', 'notes')).toThrow(
      `No replacement was performed. Multiple occurrences of old_string \`${oldText}\` in lines [${lines}]. Please ensure it is unique.`,
    )
  })

  it('may be nothing, where there is nothing', () => {
    expect(replaceOnce('', '', 'first', 'notes')).toBe('first')
  })
})
