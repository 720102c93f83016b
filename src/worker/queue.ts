import { fromKysely, PgBoss } from 'pg-boss'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Db } from '../store/schema.ts'
import type { Observe } from './observation.ts'

export type DriveJob = { organizationId: OrganizationId; runId: RunId }
export type CallbackJob = { organizationId: OrganizationId; runId: RunId }

export type QueueHandlers = {
  /** Drives a run if nobody does; returns how long to wait before looking again, or null when it has ended. */
  drive(job: DriveJob): Promise<number | null>
  /** Delivers a run's callback; throws to be tried again. */
  callback(job: CallbackJob): Promise<void>
  /** Finds what was left lying. */
  sweep(): Promise<void>
}

const DRIVE = 'perdure-drive'
const CALLBACK = 'perdure-callback'
/** A driven run's job is due when its driver must have died: the lease, and some slack. */
const SAFETY_NET_S = 36
const FORGET_MS = 500

/**
 * Work that must happen though this process may die: jobs of pg-boss, enqueued in the transaction that makes them due.
 * A drive job wakes, it does not own: the lease does.
 */
export class Queue {
  readonly #boss: PgBoss
  readonly #observe: Observe
  #sweep: NodeJS.Timeout | undefined
  #stopped = false
  #forgotten: string[] = []
  #forgetting: NodeJS.Timeout | undefined

  constructor(connectionString: string, observe: Observe) {
    this.#observe = observe
    this.#boss = new PgBoss({
      connectionString,
      max: 3,
      application_name: 'perdure-queue',
      schema: 'pgboss',
      useListenNotify: false,
      superviseIntervalSeconds: 5,
      maintenanceIntervalSeconds: 300,
    })
    this.#boss.on('error', (error) => observe({ type: 'job_failed', queue: 'pg-boss', error }))
  }

  /** Creates the queues; nothing is worked on yet, but jobs can be enqueued. */
  async open(): Promise<void> {
    await this.#boss.start()
    await this.#boss.createQueue(DRIVE, {
      policy: 'short',
      retryLimit: 3,
      retryDelay: 5,
      expireInSeconds: 900,
    })
    await this.#boss.createQueue(CALLBACK, {
      policy: 'standard',
      retryLimit: 6,
      retryDelay: 5,
      retryBackoff: true,
      retryDelayMax: 3_600,
      expireInSeconds: 60,
    })
  }

  async work(handlers: QueueHandlers): Promise<void> {
    await this.#boss.work<DriveJob>(DRIVE, { pollingIntervalSeconds: 1, batchSize: 4 }, async (jobs) => {
      for (const { data } of jobs) await this.#drive(data, handlers)
    })
    await this.#boss.work<CallbackJob>(CALLBACK, { pollingIntervalSeconds: 1 }, async ([job]) => {
      if (job) await handlers.callback(job.data)
    })
    const sweep = () =>
      void handlers
        .sweep()
        .catch((error: unknown) => this.#observe({ type: 'job_failed', queue: 'sweep', error }))
    this.#sweep = setInterval(sweep, 10_000)
    sweep()
  }

  async #drive(job: DriveJob, handlers: QueueHandlers): Promise<void> {
    const waitMs = await handlers.drive(job)
    if (waitMs !== null) await this.rearm(job, waitMs)
  }

  /** The safety net of a run that is driven here, or the call for a driver of one that is not. */
  async enqueueDrive(tx: Db, job: DriveJob, dueNow: boolean): Promise<void> {
    await this.#boss.send(DRIVE, job, {
      id: uuidOf(job.runId),
      singletonKey: job.runId,
      ...(dueNow ? {} : { startAfter: SAFETY_NET_S }),
      db: fromKysely(tx),
    })
  }

  /** Looks again later. A job that is waiting already is enough. */
  async rearm(job: DriveJob, waitMs: number): Promise<void> {
    await this.#boss.send(DRIVE, job, { singletonKey: job.runId, startAfter: Math.ceil(waitMs / 1000) })
  }

  /** A run that has ended needs no net: its job goes soon, with those of others. One that stays finds nothing to do. */
  forgetDrive(runId: RunId): void {
    if (this.#stopped) return
    this.#forgotten.push(uuidOf(runId))
    this.#forgetting ??= setTimeout(() => void this.#forget(), FORGET_MS)
  }

  async #forget(): Promise<void> {
    clearTimeout(this.#forgetting)
    this.#forgetting = undefined
    const ids = this.#forgotten.splice(0)
    if (ids.length === 0) return
    await this.#boss
      .deleteJob(DRIVE, ids)
      .catch((error: unknown) => this.#observe({ type: 'job_failed', queue: DRIVE, error }))
  }

  async enqueueCallback(tx: Db, job: CallbackJob): Promise<void> {
    await this.#boss.send(CALLBACK, job, { db: fromKysely(tx) })
  }

  async stop(graceMs: number): Promise<void> {
    clearInterval(this.#sweep)
    this.#stopped = true
    await this.#forget()
    await this.#boss.stop({ graceful: true, timeout: graceMs, close: true })
  }
}

function uuidOf(runId: RunId): string {
  return runId.slice('run-'.length)
}
