import { describe, expect, it } from 'vitest'
import { parseMoment } from './parse-moment.ts'

describe('a moment', () => {
  it.each([
    ['2026-03-01', 'UTC', '2026-03-01T00:00:00.000Z', '2026-03-01T23:59:59.999Z'],
    ['2026-03-01', 'Europe/Berlin', '2026-02-28T23:00:00.000Z', '2026-03-01T22:59:59.999Z'],
    ['2026-07-01', 'America/Los_Angeles', '2026-07-01T07:00:00.000Z', '2026-07-02T06:59:59.999Z'],
    // The days on which summer time begins and ends.
    ['2026-03-29', 'Europe/Berlin', '2026-03-28T23:00:00.000Z', '2026-03-29T21:59:59.999Z'],
    ['2026-11-01', 'America/New_York', '2026-11-01T04:00:00.000Z', '2026-11-02T04:59:59.999Z'],
    ['2026-04-05', 'Pacific/Auckland', '2026-04-04T11:00:00.000Z', '2026-04-05T11:59:59.999Z'],
    ['2024-02-29', 'UTC', '2024-02-29T00:00:00.000Z', '2024-02-29T23:59:59.999Z'],
  ])(
    'that is the day %s in %s is its first, or its last for the end of a span',
    (text, timezone, first, last) => {
      expect(parseMoment(text, timezone, 'start')?.toISOString()).toBe(first)
      expect(parseMoment(text, timezone, 'end')?.toISOString()).toBe(last)
    },
  )

  it.each([
    ['2026-03-01T14:30', '2026-03-01T13:30:00.000Z'],
    ['2026-03-01 14:30:15', '2026-03-01T13:30:15.000Z'],
    ['2026-03-01t14:30:15.123456', '2026-03-01T13:30:15.123Z'],
    [' 2026-03-01T14:30 ', '2026-03-01T13:30:00.000Z'],
    ['2026-07-01T00:30', '2026-06-30T22:30:00.000Z'],
  ])('%s is meant in the zone of the agent, as the beginning and as the end', (text, moment) => {
    expect(parseMoment(text, 'Europe/Berlin', 'start')?.toISOString()).toBe(moment)
    expect(parseMoment(text, 'Europe/Berlin', 'end')?.toISOString()).toBe(moment)
  })

  it.each([
    ['2026-03-01T14:30Z', '2026-03-01T14:30:00.000Z'],
    ['2026-03-01T14:30:00z', '2026-03-01T14:30:00.000Z'],
    ['2026-03-01T14:30+05:30', '2026-03-01T09:00:00.000Z'],
    ['2026-03-01T14:30-0800', '2026-03-01T22:30:00.000Z'],
    ['2026-03-01T14:30 +01', '2026-03-01T13:30:00.000Z'],
  ])('%s says its own zone', (text, moment) => {
    expect(parseMoment(text, 'Asia/Tokyo', 'start')?.toISOString()).toBe(moment)
  })

  it.each([
    'not a date',
    '',
    '2026',
    '2026-02-30',
    '2026-13-01',
    '2026-03-01T25:00',
    '2026-03-01T24:00',
    '2026-03-01T14',
    '2026-03-01Z',
    '01/03/2026',
    '2026-03-01T14:30 tomorrow',
  ])('is not %j', (text) => {
    expect(parseMoment(text, 'UTC', 'start')).toBeUndefined()
  })
})
