import { describe, expect, it } from 'vitest'
import { type Gates, Readiness } from './readiness.ts'

const OFF: Gates = { loopLagMs: null, foregroundRuns: null, backgroundRuns: null, admissionWaitMs: null }
const QUIET = { loopLagMs: 0, foregroundRuns: 0, backgroundRuns: 0, admissionWaitMs: 0 }

function serving(gates: Partial<Gates>): Readiness {
  const readiness = new Readiness({ ...OFF, ...gates })
  readiness.serve()
  return readiness
}

/** A look every second, from one second to another. */
function look(readiness: Readiness, readings: Partial<typeof QUIET>, fromS: number, toS: number): void {
  for (let second = fromS; second <= toS; second++) readiness.look({ ...QUIET, ...readings }, second * 1_000)
}

describe('readiness', () => {
  it('warms up, serves, drains', () => {
    const readiness = new Readiness(OFF)
    expect(readiness.state).toBe('warming')
    readiness.serve()
    expect(readiness.state).toBe('ok')
    readiness.drain()
    expect(readiness.state).toBe('draining')
  })

  it('degrades when a gate is passed for half a minute, and recovers whatever the count is then', () => {
    const readiness = serving({ foregroundRuns: 10 })
    for (let second = 0; second <= 29; second++)
      look(readiness, { foregroundRuns: 11 + second }, second, second)
    expect(readiness.state).toBe('ok')
    look(readiness, { foregroundRuns: 12 }, 30, 30)
    expect(readiness.state).toBe('degraded')
    look(readiness, { foregroundRuns: 3 }, 31, 45)
    expect(readiness.state).toBe('degraded')
    look(readiness, { foregroundRuns: 10 }, 46, 46)
    expect(readiness.state).toBe('ok')
  })

  it('is not degraded by a short peak, nor recovered by a short lull', () => {
    const readiness = serving({ loopLagMs: 5_000 })
    look(readiness, { loopLagMs: 9_000 }, 0, 20)
    look(readiness, {}, 21, 21)
    look(readiness, { loopLagMs: 9_000 }, 22, 51)
    expect(readiness.state).toBe('ok')
    look(readiness, { loopLagMs: 9_000 }, 52, 52)
    expect(readiness.state).toBe('degraded')
    look(readiness, {}, 53, 60)
    look(readiness, { loopLagMs: 9_000 }, 61, 61)
    look(readiness, {}, 62, 76)
    expect(readiness.state).toBe('degraded')
    look(readiness, {}, 77, 77)
    expect(readiness.state).toBe('ok')
  })

  it('recovers only when every gate has', () => {
    const readiness = serving({ loopLagMs: 100, backgroundRuns: 5 })
    look(readiness, { loopLagMs: 200, backgroundRuns: 6 }, 0, 30)
    look(readiness, { loopLagMs: 200 }, 31, 60)
    expect(readiness.state).toBe('degraded')
    look(readiness, {}, 61, 76)
    expect(readiness.state).toBe('ok')
  })

  it('does not look at gates that are off', () => {
    const readiness = serving({})
    look(
      readiness,
      { loopLagMs: 1e6, foregroundRuns: 1e6, backgroundRuns: 1e6, admissionWaitMs: 1e6 },
      0,
      100,
    )
    expect(readiness.state).toBe('ok')
  })
})
