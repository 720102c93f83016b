import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What can be too much, in which unit, and how much is; null: never. */
export type Gates = {
  /** Delay of the event loop, milliseconds. */
  loopLagMs: number | null
  /** Runs whose callers wait for them, and others. */
  foregroundRuns: number | null
  backgroundRuns: number | null
  /** The longest that a request waited for its admission since the last look, milliseconds. */
  admissionWaitMs: number | null
}

export type Readings = Record<keyof Gates, number>

/** As a load balancer is told. */
export type ReadyState = 'warming' | 'ok' | 'degraded' | 'draining'

const LOOK_MS = 1_000
/** How long a gate must be passed before the server is degraded, and how long it must be kept before it is ready again. */
const DEGRADE_AFTER_MS = 30_000
const RECOVER_AFTER_MS = 15_000

/**
 * Whether the server should be sent work. Each gate is known by its own name, so that it recovers when what it measures
 * does; the gates are looked at every second, with or without traffic.
 */
export class Readiness {
  readonly #gates: [keyof Gates, number][]
  #phase: 'warming' | 'serving' | 'draining' = 'warming'
  /** Since when a gate has been on the other side of its limit than its state says. */
  #turned = new Map<keyof Gates, number>()
  #degraded = new Set<keyof Gates>()

  constructor(gates: Gates) {
    this.#gates = (Object.entries(gates) as [keyof Gates, number | null][]).flatMap(([name, max]) =>
      max === null ? [] : [[name, max]],
    )
  }

  get state(): ReadyState {
    if (this.#phase !== 'serving') return this.#phase
    return this.#degraded.size > 0 ? 'degraded' : 'ok'
  }

  serve(): void {
    this.#phase = 'serving'
  }

  drain(): void {
    this.#phase = 'draining'
  }

  /** `nowMs` of a clock that never goes back. */
  look(readings: Readings, nowMs: number): void {
    for (const [name, max] of this.#gates) {
      const isDegraded = this.#degraded.has(name)
      if (readings[name] > max === isDegraded) {
        this.#turned.delete(name)
        continue
      }
      const since = this.#turned.get(name) ?? nowMs
      this.#turned.set(name, since)
      if (nowMs - since < (isDegraded ? RECOVER_AFTER_MS : DEGRADE_AFTER_MS)) continue
      this.#turned.delete(name)
      if (isDegraded) this.#degraded.delete(name)
      else this.#degraded.add(name)
    }
  }
}

/** Looks every second until it is stopped. */
export function watchReadiness(
  readiness: Readiness,
  read: () => Omit<Readings, 'loopLagMs'>,
): { readonly loopLagMs: number; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  let loopLagMs = 0
  const timer = setInterval(() => {
    loopLagMs = delay.count === 0 ? 0 : delay.max / 1_000_000
    delay.reset()
    readiness.look({ ...read(), loopLagMs }, performance.now())
  }, LOOK_MS)
  timer.unref()
  return {
    get loopLagMs() {
      return loopLagMs
    },
    stop() {
      clearInterval(timer)
      delay.disable()
    },
  }
}
