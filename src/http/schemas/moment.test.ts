import { describe, expect, it } from 'vitest'
import { parseMoment } from './moment.ts'

describe('parseMoment', () => {
  it.each([
    ['2026-03-02T09:15:04Z', '2026-03-02T09:15:04.000000Z'],
    ['2026-03-02T09:15:04.120331Z', '2026-03-02T09:15:04.120331Z'],
    ['2026-03-02T09:15:04.1203319Z', '2026-03-02T09:15:04.120331Z'],
    ['2026-03-02T09:15:04.5', '2026-03-02T09:15:04.500000Z'],
    ['2026-03-02', '2026-03-02T00:00:00.000000Z'],
    ['2026-03-02 09:15', '2026-03-02T09:15:00.000000Z'],
    ['2026-03-02T00:15:04+01:00', '2026-03-01T23:15:04.000000Z'],
    ['2026-03-02T09:15:04-0530', '2026-03-02T14:45:04.000000Z'],
    // A plus sign that a client has not encoded arrives as a space.
    ['2026-03-02T09:15:04 +00', '2026-03-02T09:15:04.000000Z'],
  ])('reads %s', (text, moment) => {
    expect(parseMoment(text)).toBe(moment)
  })

  it.each(['', '0', 'now', '2026-02-30', '2026-13-01', '2026-03-02T25:00Z', '0000-01-01', '+012026-01-01'])(
    'finds none in %j',
    (text) => {
      expect(parseMoment(text)).toBeUndefined()
    },
  )

  it.each(['0001-01-01T00:00:00+01:00', '9999-12-31T23:30:00-01:00'])(
    'knows no year that the database does not: %s',
    (text) => {
      expect(parseMoment(text)).toBeUndefined()
    },
  )
})
