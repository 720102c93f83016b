import { CronExpressionParser } from 'cron-parser'

/** Minute, hour, day, month, weekday: seconds would let one schedule keep a server busy. */
const FIELDS = 5

/** When an expression is next due after a moment. Throws what is wrong with the expression or the timezone. */
export function nextTime(cron: string, timezone: string, after: Date): Date {
  if (cron.trim().split(/\s+/).length !== FIELDS) {
    throw new Error(`a cron expression has ${FIELDS} fields: minute, hour, day of month, month, day of week`)
  }
  if (!isTimezone(timezone)) throw new Error(`${timezone} is not a time zone, like Europe/Berlin`)
  return CronExpressionParser.parse(cron, { currentDate: after, tz: timezone }).next().toDate()
}

function isTimezone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}
