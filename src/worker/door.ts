import pLimit from 'p-limit'
import { Fault } from '../domain/fault.ts'

/** How long a request may wait to be taken in, in milliseconds: callers give up after a minute. */
const WAIT_MS_MAX = 30_000

/** Faults: unavailable for who has waited too long. */
export type Door = <Result>(admit: () => Promise<Result>) => Promise<Result>

/**
 * Takes requests in one after the other, `atMost` at a time: a crowd waits here, in its order, and not for connections of
 * the database, which the runs that it has begun need as well.
 */
export function openDoor(atMost: number): Door {
  const limit = pLimit(atMost)
  return async (admit) => {
    const since = performance.now()
    return limit(() => {
      if (performance.now() - since > WAIT_MS_MAX) throw tooMany()
      return admit()
    })
  }
}

function tooMany(): Fault {
  return new Fault(
    'unavailable',
    'More messages come in than the server can take at the moment. Please try again.',
    {},
    { 'retry-after': '2' },
  )
}
