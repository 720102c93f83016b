import { describe, expect, it } from 'vitest'
import { formatIsoLocal, formatLocalTime, isTimezone, offsetMinutes } from './local-time.ts'

describe('formatLocalTime', () => {
  const summer = new Date('2025-07-01T15:04:05Z')
  const winter = new Date('2025-01-01T00:00:00Z')

  it.each([
    ['America/Los_Angeles', '2025-07-01 08:04:05 AM PDT-0700'],
    ['UTC', '2025-07-01 03:04:05 PM UTC+0000'],
    ['Asia/Kolkata', '2025-07-01 08:34:05 PM IST+0530'],
    ['Europe/Berlin', '2025-07-01 05:04:05 PM CEST+0200'],
    ['Australia/Sydney', '2025-07-02 01:04:05 AM AEST+1000'],
  ])('writes a summer time of %s as %s', (zone, expected) => {
    expect(formatLocalTime(summer, zone)).toBe(expected)
  })

  it.each([
    ['America/Los_Angeles', '2024-12-31 04:00:00 PM PST-0800'],
    ['Europe/Berlin', '2025-01-01 01:00:00 AM CET+0100'],
    ['Australia/Sydney', '2025-01-01 11:00:00 AM AEDT+1100'],
    ['UTC', '2025-01-01 12:00:00 AM UTC+0000'],
  ])('writes a winter time of %s as %s', (zone, expected) => {
    expect(formatLocalTime(winter, zone)).toBe(expected)
  })

  it.each([
    ['America/Sao_Paulo', '2025-07-01 12:04:05 PM -03-0300'],
    ['Asia/Kathmandu', '2025-07-01 08:49:05 PM +0545+0545'],
  ])('names %s, which has no abbreviation, by its offset', (zone, expected) => {
    expect(formatLocalTime(summer, zone)).toBe(expected)
  })

  it('writes GMT for no zone, in summer or in winter', () => {
    const zones = [...Intl.supportedValuesOf('timeZone'), 'Europe/London', 'Etc/GMT+5', 'GMT']
    const written = zones.flatMap((zone) => [formatLocalTime(summer, zone), formatLocalTime(winter, zone)])
    expect(written.filter((text) => text.includes('GMT'))).toEqual([])
  })

  it('takes a zone that does not exist for UTC', () => {
    expect(formatLocalTime(summer, 'No/Such_Zone')).toBe('2025-07-01 03:04:05 PM UTC+0000')
    expect(isTimezone('No/Such_Zone')).toBe(false)
  })
})

describe('the other notations of a local time', () => {
  const date = new Date('2025-07-01T15:04:05Z')

  it('writes ISO times with the offset of the zone', () => {
    expect(formatIsoLocal(date, 'Europe/Berlin')).toBe('2025-07-01T17:04:05+02:00')
    expect(formatIsoLocal(new Date('2025-07-01T22:00:00Z'), 'Europe/Berlin')).toBe(
      '2025-07-02T00:00:00+02:00',
    )
  })

  it('counts the minutes that a zone is ahead of UTC', () => {
    expect(offsetMinutes(date, 'Asia/Kolkata')).toBe(330)
    expect(offsetMinutes(date, 'America/Los_Angeles')).toBe(-420)
    expect(offsetMinutes(date, 'UTC')).toBe(0)
  })
})
