import { offsetMinutes } from '../domain/local-time.ts'

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i
const DAY_START = '00:00'
const DAY_END = '23:59:59.999'
const MINUTE_MS = 60_000

/**
 * A moment that a model writes in ISO 8601. Without an offset it is meant in the agent's zone; a date alone is the first
 * moment of that day there, or the last, for the end of a span. Undefined: no such moment.
 */
export function parseMoment(text: string, timezone: string, edge: 'start' | 'end'): Date | undefined {
  const [, day, time = edge === 'start' ? DAY_START : DAY_END, offset] = ISO.exec(text.trim()) ?? []
  if (day === undefined) return undefined
  const clock = new Date(`${day}T${time}Z`)
  // Days that a month does not have roll over into the next.
  if (Number.isNaN(clock.getTime()) || !clock.toISOString().startsWith(day)) return undefined
  return offset === undefined ? inZone(clock, timezone) : minutesEarlier(clock, minutesOf(offset))
}

/**
 * The moment at which the clocks of a zone show a time. The offset is asked for twice: the first answer is for a moment
 * some hours away, and summer time may begin or end in between.
 */
function inZone(clock: Date, timezone: string): Date {
  const near = minutesEarlier(clock, offsetMinutes(clock, timezone))
  return minutesEarlier(clock, offsetMinutes(near, timezone))
}

function minutesOf(offset: string): number {
  if (offset.toUpperCase() === 'Z') return 0
  const digits = offset.replace(/\D/g, '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return offset.startsWith('-') ? -minutes : minutes
}

function minutesEarlier(date: Date, minutes: number): Date {
  return new Date(date.getTime() - minutes * MINUTE_MS)
}
