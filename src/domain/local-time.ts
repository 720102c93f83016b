/**
 * Abbreviations that the tz database has and `Intl` (in English) does not: by zone, standard time then summer
 * time. A zone that neither knows is named by its offset, as the tz database does it too (`-03`, `+0545`).
 * `GMT` is never written: models and clients take `GMT+0000` for an offset of their own.
 */
const ABBREVIATIONS: Record<string, [standard: string, summer?: string]> = {
  'Africa/Cairo': ['EET', 'EEST'],
  'Africa/Johannesburg': ['SAST'],
  'Africa/Lagos': ['WAT'],
  'Africa/Nairobi': ['EAT'],
  'Asia/Calcutta': ['IST'],
  'Asia/Hong_Kong': ['HKT'],
  'Asia/Jakarta': ['WIB'],
  'Asia/Jerusalem': ['IST', 'IDT'],
  'Asia/Karachi': ['PKT'],
  'Asia/Kolkata': ['IST'],
  'Asia/Manila': ['PST'],
  'Asia/Seoul': ['KST'],
  'Asia/Shanghai': ['CST'],
  'Asia/Taipei': ['CST'],
  'Asia/Tokyo': ['JST'],
  'Australia/Adelaide': ['ACST', 'ACDT'],
  'Australia/Brisbane': ['AEST'],
  'Australia/Melbourne': ['AEST', 'AEDT'],
  'Australia/Perth': ['AWST'],
  'Australia/Sydney': ['AEST', 'AEDT'],
  'Europe/Amsterdam': ['CET', 'CEST'],
  'Europe/Athens': ['EET', 'EEST'],
  'Europe/Berlin': ['CET', 'CEST'],
  'Europe/Brussels': ['CET', 'CEST'],
  'Europe/Bucharest': ['EET', 'EEST'],
  'Europe/Budapest': ['CET', 'CEST'],
  'Europe/Copenhagen': ['CET', 'CEST'],
  'Europe/Dublin': ['UTC', 'IST'],
  'Europe/Helsinki': ['EET', 'EEST'],
  'Europe/Kiev': ['EET', 'EEST'],
  'Europe/Kyiv': ['EET', 'EEST'],
  'Europe/Lisbon': ['WET', 'WEST'],
  'Europe/London': ['UTC', 'BST'],
  'Europe/Madrid': ['CET', 'CEST'],
  'Europe/Moscow': ['MSK'],
  'Europe/Oslo': ['CET', 'CEST'],
  'Europe/Paris': ['CET', 'CEST'],
  'Europe/Prague': ['CET', 'CEST'],
  'Europe/Rome': ['CET', 'CEST'],
  'Europe/Stockholm': ['CET', 'CEST'],
  'Europe/Vienna': ['CET', 'CEST'],
  'Europe/Warsaw': ['CET', 'CEST'],
  'Europe/Zurich': ['CET', 'CEST'],
  'Pacific/Auckland': ['NZST', 'NZDT'],
  UTC: ['UTC'],
  'Etc/UTC': ['UTC'],
}

/**
 * `2025-07-01 08:04:05 AM PDT-0700`: how times are written for a model, in the agent's zone. A zone that this
 * machine does not know counts as UTC.
 */
export function formatLocalTime(date: Date, timezone: string): string {
  const parts = partsOf(date, timezone)
  const { year, month, day, hour, minute, second, dayPeriod } = parts
  const offset = offsetOf(parts.offset)
  const zone = zoneName(date, timezone, parts, offset) + offset
  return `${year}-${month}-${day} ${hour}:${minute}:${second} ${dayPeriod} ${zone}`
}

/** `2026-03-01T10:22:05+01:00`. */
export function formatIsoLocal(date: Date, timezone: string): string {
  const { year, month, day, hour24, minute, second, offset } = partsOf(date, timezone)
  const numeric = offsetOf(offset)
  return `${year}-${month}-${day}T${hour24}:${minute}:${second}${numeric.slice(0, 3)}:${numeric.slice(3)}`
}

/** Minutes that a zone is ahead of UTC at a moment. */
export function offsetMinutes(date: Date, timezone: string): number {
  const numeric = offsetOf(partsOf(date, timezone).offset)
  const sign = numeric.startsWith('-') ? -1 : 1
  return sign * (Number(numeric.slice(1, 3)) * 60 + Number(numeric.slice(3)))
}

type Parts = Record<
  'year' | 'month' | 'day' | 'hour' | 'hour24' | 'minute' | 'second' | 'dayPeriod' | 'short' | 'offset',
  string
>

function partsOf(date: Date, timezone: string): Parts {
  const zone = formattersOf(timezone)
  const twelve = read(zone.twelve, date)
  const numeric = read(zone.numeric, date)
  return {
    year: numeric.year ?? '',
    month: numeric.month ?? '',
    day: numeric.day ?? '',
    hour: twelve.hour ?? '',
    hour24: numeric.hour ?? '',
    minute: numeric.minute ?? '',
    second: numeric.second ?? '',
    dayPeriod: (twelve.dayPeriod ?? '').toUpperCase(),
    short: twelve.timeZoneName ?? '',
    offset: numeric.timeZoneName ?? 'GMT',
  }
}

function read(
  format: Intl.DateTimeFormat,
  date: Date,
): Partial<Record<Intl.DateTimeFormatPartTypes, string>> {
  return Object.fromEntries(format.formatToParts(date).map(({ type, value }) => [type, value]))
}

/** `GMT+05:30` → `+0530`. */
function offsetOf(name: string): string {
  const match = /GMT([+-])(\d\d):?(\d\d)/.exec(name)
  return match ? `${match[1]}${match[2]}${match[3]}` : '+0000'
}

function zoneName(date: Date, timezone: string, parts: Parts, offset: string): string {
  const known = ABBREVIATIONS[timezone]
  if (known) return known[1] && inSummer(date, timezone) ? known[1] : known[0]
  if (parts.short && !parts.short.startsWith('GMT')) return parts.short
  if (parts.short === 'GMT') return 'UTC'
  return offset.endsWith('00') ? offset.slice(0, 3) : offset
}

/** Summer time: further ahead of UTC than the zone's least offset in that year. */
function inSummer(date: Date, timezone: string): boolean {
  const year = date.getUTCFullYear()
  const offsets = [0, 6].map((month) => offsetMinutes(new Date(Date.UTC(year, month, 1)), timezone))
  return offsetMinutes(date, timezone) > Math.min(...offsets)
}

type Formatters = { twelve: Intl.DateTimeFormat; numeric: Intl.DateTimeFormat }

/** Making a formatter costs more than using it a thousand times. */
const formatters = new Map<string, Formatters>()

function formattersOf(timezone: string): Formatters {
  const known = formatters.get(timezone)
  if (known) return known
  const made = makeFormatters(isTimezone(timezone) ? timezone : 'UTC')
  formatters.set(timezone, made)
  return made
}

function makeFormatters(timeZone: string): Formatters {
  const digits = { hour: '2-digit', minute: '2-digit', second: '2-digit', timeZone } as const
  return {
    twelve: new Intl.DateTimeFormat('en-US', { ...digits, hour12: true, timeZoneName: 'short' }),
    numeric: new Intl.DateTimeFormat('en-US', {
      ...digits,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hourCycle: 'h23',
      timeZoneName: 'longOffset',
    }),
  }
}

/** Whether a name is a zone that this machine knows. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en-US', { timeZone: name })
    return true
  } catch {
    return false
  }
}
