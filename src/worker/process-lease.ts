import { newId, type ProcessId } from '../domain/id.ts'
import { monotonicNs } from '../lib/clock.ts'
import { createProcess, deleteProcess, renewProcess } from '../store/processes.ts'
import type { Db } from '../store/schema.ts'
import type { Observe } from './observation.ts'

/** Renewals within one lease: two may be lost. */
const RENEWALS = 3
/** The part of the lease that the driver leaves unused at its end: clocks drift, and a check and what follows take time. */
const MARGIN = 1 / 6

/**
 * This process's right to drive runs. One small row is renewed, on a connection of its own; the runs refer to it. The
 * deadline is measured on the monotonic clock from when the renewal was *sent*: a process that was stopped for a while
 * knows that it may be too late before it does anything.
 */
export class ProcessLease {
  readonly #db: Db
  readonly #observe: Observe
  readonly #description: string
  readonly #leaseMs: number
  #id: ProcessId = newId('process')
  #deadlineNs = 0
  #renewing: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  #lostListeners: (() => void)[] = []

  /** `db`: a pool of one connection that nothing else uses. */
  constructor(db: Db, observe: Observe, description: string, leaseMs: number) {
    this.#db = db
    this.#observe = observe
    this.#description = description
    this.#leaseMs = leaseMs
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
    this.#renewing = setInterval(() => void this.#renew(), this.#leaseMs / RENEWALS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#renewing)
    clearTimeout(this.#deadline)
    await deleteProcess(this.#db, this.#id).catch(() => undefined)
  }

  async #join(): Promise<void> {
    const sentNs = monotonicNs()
    this.#id = newId('process')
    await createProcess(this.#db, this.#id, this.#description, this.#leaseMs)
    this.#extend(sentNs)
  }

  async #renew(): Promise<void> {
    const sentNs = monotonicNs()
    try {
      if (await renewProcess(this.#db, this.#id, this.#leaseMs)) return this.#extend(sentNs)
      this.#lose(new Error(`the lease of ${this.#id} ran out`))
      await this.#join()
    } catch (error) {
      this.#observe({ type: 'database_trouble', what: 'renewing the lease', error })
    }
  }

  #extend(sentNs: number): void {
    const usedMs = this.#leaseMs * (1 - MARGIN)
    this.#deadlineNs = sentNs + usedMs * 1_000_000
    clearTimeout(this.#deadline)
    this.#deadline = setTimeout(() => this.#lose(new Error('the lease was not renewed in time')), usedMs)
  }

  #lose(error: unknown): void {
    this.#observe({ type: 'lease_lost', error })
    for (const listener of this.#lostListeners) listener()
  }
}
