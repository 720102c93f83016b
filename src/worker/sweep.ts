import type { RunId } from '../domain/id.ts'
import { readOwnedRuns, readUndrivenRuns, releaseRuns } from '../store/leases.ts'
import { readLostTurns } from '../store/waiting.ts'
import type { EngineDeps } from './deps.ts'
import { giveTurn } from './hand-over.ts'
import type { DriveJob } from './queue.ts'

/** How long a run of ours may be without its driver: it is just being started. */
const STRAY_MS = 2_000
/** Runs that one sweep looks at. */
const SWEPT_MAX = 100

type SweepDeps = Pick<EngineDeps, 'db' | 'queue' | 'lease' | 'observe'>

/** What a sweep asks of the worker of its process. */
export type Sweeper = {
  drives(runId: RunId): boolean
  /** False: there is no slot for it now. */
  takeUp(job: DriveJob): Promise<boolean>
}

/**
 * Finds runs that nobody drives though they could be: the net under the queue, whose jobs may all be lost. Every process
 * looks, because a job that did would be lost with them.
 */
export class Sweep {
  readonly #deps: SweepDeps
  readonly #sweeper: Sweeper
  /** Runs that are ours and that we do not drive, with when that was first seen. */
  #strays = new Map<RunId, number>()

  constructor(deps: SweepDeps, sweeper: Sweeper) {
    this.#deps = deps
    this.#sweeper = sweeper
  }

  /** Looks, and says when it could not. */
  async look(): Promise<void> {
    try {
      await this.run()
    } catch (error) {
      this.#deps.observe({ type: 'job_failed', queue: 'sweep', error })
    }
  }

  async run(): Promise<void> {
    await this.#releaseStrays()
    const { db } = this.#deps
    for (const scope of await readLostTurns(db, SWEPT_MAX)) await giveTurn(this.#deps, scope)
    for (const run of await readUndrivenRuns(db, SWEPT_MAX)) {
      if (!(await this.#sweeper.takeUp(run))) return
    }
  }

  /** A run that this process has dropped need not be watched for a while first. */
  noteDropped(runId: RunId): void {
    this.#strays.set(runId, performance.now() - STRAY_MS)
  }

  /**
   * Runs that the database says are ours and that we have not driven for a while: we lost them in some trouble. A run that
   * is about to start looks the same for a moment.
   */
  async #releaseStrays(): Promise<void> {
    const { db, lease } = this.#deps
    const now = performance.now()
    const strays = (await readOwnedRuns(db, lease.id)).filter((runId) => !this.#sweeper.drives(runId))
    this.#strays = new Map(strays.map((runId) => [runId, this.#strays.get(runId) ?? now]))
    const lost = strays.filter((runId) => now - (this.#strays.get(runId) ?? now) >= STRAY_MS)
    await releaseRuns(db, lease.id, lost)
  }
}
