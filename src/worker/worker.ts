import { setTimeout as sleep } from 'node:timers/promises'
import { OPENING } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Lease, Outcome } from '../domain/run.ts'
import { ORIGIN_UNKNOWN, type TurnRequest } from '../domain/turn.ts'
import { SEQ_BLOCK } from '../store/admit-run.ts'
import { type Claim, claimRun, releaseRuns } from '../store/leases.ts'
import { findRun, getRequest, readLostRuns, readWaitedFor } from '../store/runs.ts'
import type { Settled } from '../store/settle-run.ts'
import type { EngineDeps } from './deps.ts'
import type { Drive } from './drive.ts'
import { driveRun } from './drive-run.ts'
import { endRunFromOutside } from './end-run.ts'
import { handOver } from './hand-over.ts'
import type { Fresh } from './load-state.ts'
import type { DriveJob } from './queue.ts'
import { RunLog } from './run-log.ts'
import { CANCELLED, type Settlement, tellSettled } from './settle.ts'
import { Sweep } from './sweep.ts'

/** How often the process asks whether its runs are still its own: a cancel by another replica is heard by this. */
const WATCH_MS = 500
/** Looks within one lease for runs that nobody drives. */
const SWEEPS = 3
/** When a run that this process has dropped may be tried again: the trouble should have passed. */
const DROPPED_MS = 1_000
const NO_SLOT_MS = 1_000

type Active = { drive: Drive; done: Promise<void> }

/** Drives runs, at most `slotsMax` at once, until it is stopped. */
export class Worker {
  readonly #deps: EngineDeps
  #active = new Map<RunId, Active>()
  /** Runs that are being claimed here: a job, the sweep and the end of the run before may all want the same one. */
  #claiming = new Set<RunId>()
  #reserved = 0
  /** Runs that were driven here so far. */
  drivenCount = 0
  #stopping = false
  #timers: NodeJS.Timeout[] = []
  readonly #sweep: Sweep

  constructor(deps: EngineDeps) {
    this.#deps = deps
    this.#sweep = new Sweep(deps, {
      drives: (runId) => this.#active.has(runId),
      takeUp: async (run) => (await this.tryDrive(run)) !== NO_SLOT_MS,
    })
    deps.lease.onLost(() => this.#dropAll())
  }

  start(): void {
    const sweep = () => void this.#sweep.look()
    this.#timers = [
      setInterval(() => void this.#watchRuns(), WATCH_MS),
      setInterval(sweep, this.#deps.settings.leaseMs / SWEEPS),
    ]
    sweep()
  }

  /** Runs that are driven here: those whose callers wait, and the others. */
  get activeCounts(): { foreground: number; background: number } {
    const transports = [...this.#active.values()].map(({ drive }) => drive.request.transport)
    const foreground = transports.filter((transport) => transport === 'blocking' || transport === 'stream')
    return { foreground: foreground.length, background: transports.length - foreground.length }
  }

  /**
   * Keeps a slot free for a run that is about to be admitted; false: there is none. Give it back or use it. A run that
   * `waitingRunId` waits for uses the slot of that one: runs that wait for runs would else wait for ever.
   */
  reserveSlot(waitingRunId?: RunId | null): boolean {
    const shares = waitingRunId ? this.#active.has(waitingRunId) : false
    const free = shares || this.#active.size + this.#reserved < this.#deps.settings.slotsMax
    if (this.#stopping || !free || !this.#deps.lease.holds || this.#hasTooManyOrphans) return false
    this.#reserved += 1
    return true
  }

  get #hasTooManyOrphans(): boolean {
    return this.#deps.orphans.count >= this.#deps.settings.orphansMax
  }

  releaseSlot(): void {
    this.#reserved -= 1
  }

  /** Drives a run that its admission has claimed, in the slot that was kept for it. */
  startAdmitted(lease: Lease, request: TurnRequest, createdAt: string, fresh: Fresh): void {
    this.releaseSlot()
    const claim: Claim = { lease, seqLast: OPENING.seq, attempts: 0, journalVersion: 1 }
    this.#start(claim, request, createdAt, fresh)
  }

  /** Drives a run if nobody does. Returns when to look again, in milliseconds; null: it needs nobody any more. */
  async tryDrive(job: DriveJob): Promise<number | null> {
    const { runId } = job
    if (this.#active.has(runId) || this.#claiming.has(runId)) return this.#lookAgainMs
    this.#claiming.add(runId)
    try {
      return await this.#claimAndDrive(job)
    } finally {
      this.#claiming.delete(runId)
    }
  }

  async #claimAndDrive({ organizationId, runId }: DriveJob): Promise<number | null> {
    if (!this.reserveSlot() && !this.reserveSlot(await this.#waitingFor(organizationId, runId)))
      return NO_SLOT_MS
    try {
      const claim = await claimRun(this.#deps.db, organizationId, runId, this.#deps.lease.id)
      if (claim) return await this.#drive(claim)
      this.releaseSlot()
      const run = await findRun(this.#deps.db, organizationId, runId)
      return run && (run.status === 'created' || run.status === 'running') ? this.#lookAgainMs : null
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

  /** The run whose tool waits for this one's answer. */
  async #waitingFor(organizationId: OrganizationId, runId: RunId): Promise<RunId | null> {
    const run = await findRun(this.#deps.db, organizationId, runId)
    return run && !run.background ? run.parentRunId : null
  }

  /** Looks for runs that nobody drives, now. */
  async sweep(): Promise<void> {
    await this.#sweep.run()
  }

  /** Aborts the driver of a run that has been ended from outside, if it is here. */
  abort(runId: RunId): void {
    this.#active.get(runId)?.drive.abort.abort()
  }

  /** Cancels a run wherever it is driven. Undefined: it had ended. */
  async end(organizationId: OrganizationId, runId: RunId, outcome: Outcome): Promise<Settlement | undefined> {
    const closing = outcome.stopReason === 'cancelled' ? 'cancelled' : 'interrupted'
    const settlement = await endRunFromOutside(this.#deps, organizationId, runId, closing, outcome)
    if (settlement) this.tellEnded(settlement)
    return settlement
  }

  /** What follows the end of a run from outside, once it is committed. */
  tellEnded(settlement: Settlement): void {
    const { organizationId, runId } = settlement.run
    this.abort(runId)
    tellSettled(this.#deps, settlement, this.driveNext)
    if (settlement.outcome.stopReason === 'cancelled') void this.#endChildren(organizationId, runId)
  }

  /** Nobody waits any more for the answers that a cancelled run has asked other agents for. */
  async #endChildren(organizationId: OrganizationId, runId: RunId): Promise<void> {
    try {
      for (const child of await readWaitedFor(this.#deps.db, organizationId, runId))
        await this.end(organizationId, child, CANCELLED)
    } catch (error) {
      this.#deps.observe({ type: 'database_trouble', what: `ending what ${runId} has asked for`, error })
    }
  }

  /** Takes back a run that still waits for its turn; one that has begun goes on. */
  async withdraw(organizationId: OrganizationId, runId: RunId, outcome: Outcome): Promise<boolean> {
    const settlement = await endRunFromOutside(this.#deps, organizationId, runId, 'interrupted', outcome, {
      onlyWaiting: true,
    })
    if (settlement) tellSettled(this.#deps, settlement, this.driveNext)
    return settlement !== undefined
  }

  /** Begins nothing more: neither runs nor, in the runs that are here, steps. */
  drain(): void {
    this.#stopping = true
    for (const { drive } of this.#active.values()) drive.handsOver = true
  }

  /** Gives steps time to end, and hands the rest over in the middle of what they do. */
  async stop(graceMs: number): Promise<void> {
    this.drain()
    for (const timer of this.#timers) clearInterval(timer)
    const running = [...this.#active.values()].map(({ done }) => done)
    await Promise.race([Promise.all(running), sleep(graceMs, undefined, { ref: false })])
    await handOver(
      this.#deps,
      [...this.#active.values()].map(({ drive }) => drive.lease),
    ).catch(() => undefined)
    this.#dropAll()
    await Promise.race([Promise.all(running), sleep(1_000, undefined, { ref: false })])
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
    return this.#lookAgainMs
  }

  #start(claim: Claim, request: TurnRequest, createdAt: string, fresh: Fresh | null): void {
    const { lease, seqLast, attempts } = claim
    const { runId, agentId, conversationId } = lease
    const trace = request.origin ?? ORIGIN_UNKNOWN
    this.#deps.observe({ type: 'run_driven', runId, agentId, conversationId, attempts, trace })
    const drive: Drive = {
      deps: this.#deps,
      lease,
      request,
      log: new RunLog(this.#deps, lease, request.returnTypes, seqLast, seqLast + SEQ_BLOCK - 1),
      abort: new AbortController(),
      projectId: null,
      isTended: false,
      createdAt,
      ttftNs: null,
      seenVersions: new Map(),
      done: [],
      journaledStepId: null,
      handsOver: this.#stopping,
    }
    this.#deps.hub.drive(lease.runId, seqLast, fresh ? [OPENING] : [])
    const done = driveRun(drive, fresh, this.driveNext).then((left) => this.#leave(lease, left))
    this.#active.set(lease.runId, { drive, done })
    this.drivenCount += 1
  }

  async #leave(lease: Lease, left: 'ended' | 'dropped'): Promise<void> {
    this.#active.delete(lease.runId)
    this.#deps.hub.leave(lease.runId)
    if (left === 'dropped') await this.#release(lease)
    else if (!this.#stopping) this.#takeWaiting()
  }

  /** A run that we have dropped is free for whoever can drive it, this process included, if it was still ours. */
  async #release({ owner, runId }: Lease): Promise<void> {
    this.#sweep.noteDropped(runId)
    try {
      await releaseRuns(this.#deps.db, owner, [runId])
    } catch (error) {
      this.#deps.observe({ type: 'database_trouble', what: `releasing ${runId}`, error })
    }
    if (!this.#stopping) setTimeout(() => void this.#sweep.look(), DROPPED_MS).unref()
  }

  /** A slot is free: a run that waited for one may have it. Only looked for when slots were short. */
  #takeWaiting(): void {
    if (this.#active.size < this.#deps.settings.slotsMax - 1) return
    void this.#sweep.look()
  }

  /** When to look again for a run that somebody drives. */
  get #lookAgainMs(): number {
    return this.#deps.settings.leaseMs * 1.2
  }

  #dropAll(): void {
    for (const { drive } of this.#active.values()) this.#lose(drive)
  }

  /** Somebody else has the run, or has ended it: neither the run's failure nor ours. */
  #lose({ lease, abort }: Drive): void {
    if (abort.signal.aborted) return
    this.#deps.observe({ type: 'run_lost', runId: lease.runId, epoch: lease.epoch })
    abort.abort()
  }

  /** Other processes have news of these runs: perhaps they have ended one that is driven here. */
  checkRuns(runIds: RunId[]): void {
    if (runIds.some((runId) => this.#active.has(runId))) void this.#watchRuns()
  }

  /** One statement for all runs of the process. */
  async #watchRuns(): Promise<void> {
    const leases = [...this.#active.values()].map(({ drive }) => drive.lease)
    if (leases.length === 0) return
    try {
      for (const runId of await readLostRuns(this.#deps.db, leases)) {
        const active = this.#active.get(runId)
        if (active) this.#lose(active.drive)
      }
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
