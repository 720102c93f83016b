/** The wall clock in microseconds, as RFC 3339 in UTC: `2026-03-02T09:15:04.120331Z`. */
export function timestampNow(): string {
  const millis = Date.now()
  return new Date(millis).toISOString().replace('Z', `${String(microsOfMilli()).padStart(3, '0')}Z`)
}

/** The wall clock in nanoseconds since 1970, as precise as a double can be (about 256 ns). */
export function wallNs(): number {
  return (Date.now() * 1000 + microsOfMilli()) * 1000
}

/** A clock that never goes back, for spans, in nanoseconds. */
export function monotonicNs(): number {
  return Math.round(performance.now() * 1_000_000)
}

/** `Date` stops at milliseconds; the fraction comes from the monotonic clock, so that neighbours rarely tie. */
function microsOfMilli(): number {
  return Math.floor(performance.now() * 1000) % 1000
}
