import { describe, expect, it } from 'vitest'
import { parseArguments } from './parse-arguments.ts'

describe('parseArguments', () => {
  it.each([
    ['an object', '{"a":1,"b":{"c":[2]}}', { a: 1, b: { c: [2] } }],
    ['an object that was encoded twice', JSON.stringify('{"a":1}'), { a: 1 }],
    ['nothing at all', ' ', {}],
    ['null', 'null', {}],
    ['`}{` inside a string', '{"code":"if (a) {b}{c}"}', { code: 'if (a) {b}{c}' }],
    ['two objects in a row, of which the first counts', '{"a":1}{"a":2}', { a: 1 }],
    ['two objects in a row with `}{` in a string of the first', '{"a":"}{"}{"b":2}', { a: '}{' }],
    [
      'arguments of any name',
      '{"thinking":"x","request_heartbeat":true}',
      { thinking: 'x', request_heartbeat: true },
    ],
  ])('reads %s', (_what, text, args) => {
    expect(parseArguments(text)).toEqual({ ok: true, args })
  })

  it('keeps big integers digit for digit', () => {
    const parsed = parseArguments('{"id":12345678901234567890}')
    expect(parsed.ok && JSON.stringify(parsed.args)).toBe('{"id":12345678901234567890}')
  })

  it('says what is wrong with arguments that were cut off, and quotes them', () => {
    const parsed = parseArguments('{"label": oops')
    expect(parsed).toMatchObject({
      ok: false,
      message: expect.stringContaining('not valid JSON (Unexpected token'),
    })
    expect(parsed).toMatchObject({ ok: false, message: expect.stringContaining('{"label": oops') })
  })

  it.each(['[1]', '5', 'true', '"text"', '12345678901234567890', '"12345678901234567890"'])(
    'refuses %s, which is no object',
    (text) => {
      expect(parseArguments(text)).toMatchObject({ ok: false })
    },
  )

  it('quotes no more than the beginning of a long text', () => {
    const parsed = parseArguments(`{"a":"${'😀'.repeat(10_000)}`)
    expect(parsed.ok ? '' : parsed.message.length).toBeLessThan(1000)
  })
})
