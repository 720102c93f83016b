import { setTimeout as sleep } from 'node:timers/promises'
import { OPENING } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Lease, Outcome } from '../domain/run.ts'
import type { TurnRequest } from '../domain/turn.ts'
import type { StepRef } from '../loop/state.ts'
import { SEQ_BLOCK } from '../store/admit-run.ts'
import { type Claim, claimRun, readUndrivenRuns, releaseRuns } from '../store/leases.ts'
import { findRun, getRequest, readLostRuns } from '../store/runs.ts'
import type { Settled } from '../store/settle-run.ts'
import type { EngineDeps } from './deps.ts'
import type { Drive } from './drive.ts'
import { driveRun } from './drive-run.ts'
import { endRunFromOutside } from './end-run.ts'
import type { DriveJob } from './queue.ts'
import { RunLog } from './run-log.ts'
import { type Settlement, tellSettled } from './settle.ts'

/** How often the process asks whether its runs are still its own: a cancel by another replica is heard by this. */
const WATCH_MS = 500
/** When to look again for a run that somebody drives. */
const LOOK_AGAIN_MS = 36_000
const NO_SLOT_MS = 1_000

type Active = { drive: Drive; done: Promise<void> }

/** Drives runs, at most `slotsMax` at once, until it is stopped. */
export class Worker {
  readonly #deps: EngineDeps
  #active = new Map<RunId, Active>()
  #reserved = 0
  #stopping = false
  #watch: NodeJS.Timeout | undefined

  constructor(deps: EngineDeps) {
    this.#deps = deps
    deps.lease.onLost(() => this.#dropAll())
  }

  start(): void {
    this.#watch = setInterval(() => void this.#watchRuns(), WATCH_MS)
  }

  /** Runs that are driven here: those whose callers wait, and the others. */
  get activeCounts(): { foreground: number; background: number } {
    const transports = [...this.#active.values()].map(({ drive }) => drive.request.transport)
    const foreground = transports.filter((transport) => transport === 'blocking' || transport === 'stream')
    return { foreground: foreground.length, background: transports.length - foreground.length }
  }

  /** Keeps a slot free for a run that is about to be admitted; false: there is none. Give it back or use it. */
  reserveSlot(): boolean {
    const free = this.#active.size + this.#reserved < this.#deps.settings.slotsMax
    if (this.#stopping || !free || !this.#deps.lease.holds) return false
    this.#reserved += 1
    return true
  }

  releaseSlot(): void {
    this.#reserved -= 1
  }

  /** Drives a run that its admission has claimed, in the slot that was kept for it. */
  startAdmitted(lease: Lease, request: TurnRequest, createdAt: string, step: StepRef | null): void {
    this.releaseSlot()
    const claim: Claim = { lease, seqLast: OPENING.seq, attempts: 0, journalVersion: 1 }
    this.#start(claim, request, createdAt, { step })
  }

  /** Drives a run if nobody does. Returns when to look again, in milliseconds; null: it needs nobody any more. */
  async tryDrive({ organizationId, runId }: DriveJob): Promise<number | null> {
    if (this.#active.has(runId)) return LOOK_AGAIN_MS
    if (!this.reserveSlot()) return NO_SLOT_MS
    try {
      const claim = await claimRun(this.#deps.db, organizationId, runId, this.#deps.lease.id)
      if (claim) return await this.#drive(claim)
      this.releaseSlot()
      const run = await findRun(this.#deps.db, organizationId, runId)
      return run && (run.status === 'created' || run.status === 'running') ? LOOK_AGAIN_MS : null
    } catch (error) {
      this.releaseSlot()
      throw error
    }
  }

  /** Wakes a run that has the turn now. */
  driveNext = (run: Settled): void => {
    this.tryDrive(run).catch((error: unknown) => {
      this.#deps.observe({ type: 'database_trouble', what: `starting ${run.runId}`, error })
    })
  }

  /** Finds runs that nobody drives though they could be, e.g. because every job of the queue was lost. */
  async sweep(): Promise<void> {
    for (const run of await readUndrivenRuns(this.#deps.db, 100)) {
      if ((await this.tryDrive(run)) === NO_SLOT_MS) return
    }
  }

  /** Aborts the driver of a run that has been ended from outside, if it is here. */
  abort(runId: RunId): void {
    this.#active.get(runId)?.drive.abort.abort()
  }

  /** Cancels a run wherever it is driven. Undefined: it had ended. */
  async end(organizationId: OrganizationId, runId: RunId, outcome: Outcome): Promise<Settlement | undefined> {
    const closing = outcome.stopReason === 'cancelled' ? 'cancelled' : 'interrupted'
    const settlement = await endRunFromOutside(this.#deps, organizationId, runId, closing, outcome)
    if (!settlement) return undefined
    this.abort(runId)
    tellSettled(this.#deps, settlement, this.driveNext)
    return settlement
  }

  /** Takes back a run that still waits for its turn; one that has begun goes on. */
  async withdraw(organizationId: OrganizationId, runId: RunId, outcome: Outcome): Promise<boolean> {
    const settlement = await endRunFromOutside(
      this.#deps,
      organizationId,
      runId,
      'interrupted',
      outcome,
      'waiting',
    )
    if (settlement) tellSettled(this.#deps, settlement, this.driveNext)
    return settlement !== undefined
  }

  /** Begins nothing more, gives steps time to end, and hands the rest over. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    clearInterval(this.#watch)
    const running = [...this.#active.values()].map(({ done }) => done)
    await Promise.race([Promise.all(running), sleep(graceMs)])
    await releaseRuns(this.#deps.db, this.#deps.lease.id).catch(() => undefined)
    this.#dropAll()
    await Promise.race([Promise.all(running), sleep(1_000)])
  }

  async #drive(claim: Claim): Promise<number | null> {
    const { organizationId, runId } = claim.lease
    if (claim.attempts > this.#deps.settings.attemptsMax) {
      this.releaseSlot()
      await this.end(organizationId, runId, interrupted(claim.attempts))
      return null
    }
    if (claim.attempts > 0) this.#deps.observe({ type: 'run_taken_over', runId, attempts: claim.attempts })
    const run = await findRun(this.#deps.db, organizationId, runId)
    const request = await getRequest(this.#deps.db, organizationId, runId)
    this.releaseSlot()
    this.#start(claim, request, run?.createdAt ?? new Date().toISOString(), null)
    return LOOK_AGAIN_MS
  }

  #start(
    claim: Claim,
    request: TurnRequest,
    createdAt: string,
    fresh: { step: StepRef | null } | null,
  ): void {
    const { lease, seqLast, attempts } = claim
    const { runId, agentId, conversationId } = lease
    this.#deps.observe({ type: 'run_driven', runId, agentId, conversationId, attempts })
    const drive: Drive = {
      deps: this.#deps,
      lease,
      request,
      log: new RunLog(this.#deps, lease, request.returnTypes, seqLast, seqLast + SEQ_BLOCK - 1),
      abort: new AbortController(),
      projectId: null,
      createdAt,
      ttftNs: null,
      seenVersions: new Map(),
      done: [],
      journaledStepId: null,
    }
    this.#deps.hub.drive(lease.runId, seqLast, fresh ? [OPENING] : [])
    const done = driveRun(drive, fresh, this.driveNext).finally(() => {
      this.#active.delete(lease.runId)
      this.#deps.hub.leave(lease.runId)
      if (!this.#stopping) this.#takeWaiting()
    })
    this.#active.set(lease.runId, { drive, done })
  }

  /** A slot is free: a run that waited for one may have it. Only looked for when slots were short. */
  #takeWaiting(): void {
    if (this.#active.size < this.#deps.settings.slotsMax - 1) return
    this.sweep().catch((error: unknown) => this.#deps.observe({ type: 'job_failed', queue: 'sweep', error }))
  }

  #dropAll(): void {
    for (const { drive } of this.#active.values()) drive.abort.abort()
  }

  /** One statement for all runs of the process. */
  async #watchRuns(): Promise<void> {
    const leases = [...this.#active.values()].map(({ drive }) => drive.lease)
    if (leases.length === 0) return
    try {
      for (const runId of await readLostRuns(this.#deps.db, leases)) this.abort(runId)
    } catch (error) {
      this.#deps.observe({ type: 'database_trouble', what: 'watching runs', error })
    }
  }
}

function interrupted(attempts: number): Outcome {
  return {
    stopReason: 'error',
    error: {
      errorType: 'interrupted',
      message: 'The run was given up: the server stopped each time that it was tried.',
      detail: `${attempts} attempts without progress`,
      modelFailure: null,
    },
  }
}
