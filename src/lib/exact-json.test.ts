import { describe, expect, it } from 'vitest'
import { isRawNumber, parseExact } from './exact-json.ts'

describe('parseExact', () => {
  it('keeps the digits of integers that a double cannot hold, at any depth', () => {
    const text = '{"id":12345678901234567890,"ids":[-9007199254740993]}'
    expect(JSON.stringify(parseExact(text))).toBe(text)
  })

  it('reads everything else as JSON.parse does', () => {
    const text = '{"a":9007199254740991,"b":1.5,"c":1e30,"d":"12345678901234567890","e":[null,true]}'
    expect(parseExact(text)).toEqual(JSON.parse(text))
    expect(() => parseExact('{')).toThrow(SyntaxError)
  })

  it('tells kept numbers from objects', () => {
    expect(isRawNumber(parseExact('12345678901234567890'))).toBe(true)
    expect(isRawNumber({ rawJSON: '1' })).toBe(false)
    expect(isRawNumber(1)).toBe(false)
  })
})
