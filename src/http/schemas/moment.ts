import { z } from '@hono/zod-openapi'

const ISO = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i
const MINUTE_MS = 60_000

/**
 * A moment in ISO 8601 as RFC 3339 in UTC with microseconds, cut, not rounded; undefined: no moment that the database
 * has. Without an offset it is UTC, and a date alone is its first moment.
 */
export function parseMoment(text: string): string | undefined {
  const [, day, minutes = '00:00', seconds = '00', fraction = '', offset = 'Z'] = ISO.exec(text.trim()) ?? []
  if (day === undefined) return undefined
  const clock = new Date(`${day}T${minutes}:${seconds}Z`)
  // Days that a month does not have would roll over into the next.
  if (Number.isNaN(clock.getTime()) || !clock.toISOString().startsWith(day)) return undefined
  const moved = new Date(clock.getTime() - offsetMinutes(offset) * MINUTE_MS).toISOString()
  // Years have four digits, and there was none of the number 0.
  if (!/^(?!0000)\d{4}-/.test(moved)) return undefined
  return `${moved.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}.${fraction.slice(0, 6).padEnd(6, '0')}Z`
}

function offsetMinutes(offset: string): number {
  const digits = offset.replace(/\D/g, '')
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2))
  return offset.startsWith('-') ? -minutes : minutes
}

/** A moment in a body. */
export const Moment = z
  .string()
  .transform((text, check) => {
    const moment = parseMoment(text)
    if (moment === undefined) check.addIssue('Input should be a valid datetime in ISO 8601')
    return moment ?? ''
  })
  .openapi({ format: 'date-time' })
