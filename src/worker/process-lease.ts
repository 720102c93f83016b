import { newId, type ProcessId } from '../domain/id.ts'
import { monotonicNs } from '../lib/clock.ts'
import { createProcess, deleteProcess, LEASE_MS, renewProcess } from '../store/processes.ts'
import type { Db } from '../store/schema.ts'
import type { Observe } from './observation.ts'

const RENEW_MS = 10_000
/** What the driver's own deadline is before the lease's end: clocks drift, and a check and what follows take time. */
const MARGIN_MS = 5_000

/**
 * This process's right to drive runs. One small row is renewed every ten seconds, on a connection of its own; the runs
 * refer to it. The deadline is measured on the monotonic clock from when the renewal was *sent*: a process that was
 * stopped for a while knows that it may be too late before it does anything.
 */
export class ProcessLease {
  readonly #db: Db
  readonly #observe: Observe
  readonly #description: string
  #id: ProcessId = newId('process')
  #deadlineNs = 0
  #timer: NodeJS.Timeout | undefined
  #lostListeners: (() => void)[] = []

  /** `db`: a pool of one connection that nothing else uses. */
  constructor(db: Db, observe: Observe, description: string) {
    this.#db = db
    this.#observe = observe
    this.#description = description
  }

  get id(): ProcessId {
    return this.#id
  }

  /** Whether something may still be begun under the lease. */
  get holds(): boolean {
    return monotonicNs() < this.#deadlineNs
  }

  /** Milliseconds that may still be spent on retries. */
  get leftMs(): number {
    return Math.max(0, (this.#deadlineNs - monotonicNs()) / 1_000_000)
  }

  onLost(listener: () => void): void {
    this.#lostListeners.push(listener)
  }

  async start(): Promise<void> {
    await this.#join()
    this.#timer = setInterval(() => void this.#renew(), RENEW_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await deleteProcess(this.#db, this.#id).catch(() => undefined)
  }

  async #join(): Promise<void> {
    const sentNs = monotonicNs()
    this.#id = newId('process')
    await createProcess(this.#db, this.#id, this.#description)
    this.#extend(sentNs)
  }

  async #renew(): Promise<void> {
    const sentNs = monotonicNs()
    try {
      if (await renewProcess(this.#db, this.#id)) return this.#extend(sentNs)
      this.#lose(new Error(`the lease of ${this.#id} ran out`))
      await this.#join()
    } catch (error) {
      this.#observe({ type: 'database_trouble', what: 'renewing the lease', error })
      if (!this.holds) this.#lose(error)
    }
  }

  #extend(sentNs: number): void {
    this.#deadlineNs = sentNs + (LEASE_MS - MARGIN_MS) * 1_000_000
  }

  #lose(error: unknown): void {
    this.#observe({ type: 'lease_lost', error })
    for (const listener of this.#lostListeners) listener()
  }
}
