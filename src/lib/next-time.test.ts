import { describe, expect, it } from 'vitest'
import { nextTime } from './next-time.ts'

const next = (cron: string, timezone: string, after: string) =>
  nextTime(cron, timezone, new Date(after)).toISOString()

describe('the next time of a cron expression', () => {
  it('is after the moment, never at it', () => {
    expect(next('0 9 * * *', 'UTC', '2026-03-02T08:59:59Z')).toBe('2026-03-02T09:00:00.000Z')
    expect(next('0 9 * * *', 'UTC', '2026-03-02T09:00:00Z')).toBe('2026-03-03T09:00:00.000Z')
  })

  it('is read in a timezone, on both sides of a change of clocks', () => {
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toBe('2026-03-29T07:00:00.000Z')
    expect(next('0 9 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toBe('2026-10-25T08:00:00.000Z')
  })

  it('is refused with the reason', () => {
    expect(() => next('* * * * * *', 'UTC', '2026-03-02T09:00:00Z')).toThrow('5 fields')
    expect(() => next('61 * * * *', 'UTC', '2026-03-02T09:00:00Z')).toThrow()
    expect(() => next('0 9 * * *', 'Mars/Olympus', '2026-03-02T09:00:00Z')).toThrow('Mars/Olympus is not')
  })
})
