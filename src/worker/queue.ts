import { fromKysely, PgBoss } from 'pg-boss'
import type { OrganizationId, RunId, StepId } from '../domain/id.ts'
import type { JobId } from '../domain/job.ts'
import type { ScheduleId } from '../domain/schedule.ts'
import { leaveToCommit } from '../store/pipeline.ts'
import type { Db } from '../store/schema.ts'
import { keepPlan } from '../store/statement.ts'
import type { Observe } from './observation.ts'

export type DriveJob = { organizationId: OrganizationId; runId: RunId }
export type BatchJob = { organizationId: OrganizationId; jobId: JobId }
export type ScheduleJob = { organizationId: OrganizationId; scheduleId: ScheduleId; dueAt: string }

/** What is to be done outside or later: tried again, later and later, until it succeeds. */
export type Errands = {
  callback: { organizationId: OrganizationId; runId: RunId }
  step_webhook: { stepId: StepId }
  schedule: ScheduleJob
  batch: BatchJob
  job_callback: BatchJob
}
export type ErrandHandlers = { [Name in keyof Errands]: (job: Errands[Name]) => Promise<void> }

export type ErrandSettings = {
  /** Those that this server has no use for: enqueuing them does nothing. */
  off: (keyof Errands)[]
  /** Seconds before the first repeat. */
  retryS: number
}

const ERRANDS_DEFAULT: ErrandSettings = { off: ['step_webhook'], retryS: 5 }

/** The distance of `retries` doubles, up to an hour. */
const ERRANDS: Record<keyof Errands, { queue: string; retries: number }> = {
  callback: { queue: 'perdure-callback', retries: 12 },
  step_webhook: { queue: 'perdure-step-webhook', retries: 6 },
  schedule: { queue: 'perdure-schedule', retries: 12 },
  batch: { queue: 'perdure-batch', retries: 12 },
  job_callback: { queue: 'perdure-job-callback', retries: 12 },
}

/** Several errands at once, and no pause while there are more: one who does not answer keeps no other waiting. */
const SIDE_BY_SIDE = {
  pollingIntervalSeconds: 1,
  batchSize: 8,
  localConcurrency: 2,
  burstWhenBatchFull: true,
  perJobResults: true,
} as const

export type QueueHandlers = {
  /** Drives a run if nobody does; returns how long to wait before looking again, or null when it has ended. */
  drive(job: DriveJob): Promise<number | null>
  /** Each throws to be tried again. */
  errands: ErrandHandlers
  /** Deletes what is kept no longer. */
  tidy(): Promise<void>
}

const DRIVE = 'perdure-drive'
const TIDY = 'perdure-tidy'
/** Every ten minutes, on one server of all. */
const TIDY_CRON = '*/10 * * * *'
/** How long pg-boss keeps jobs that are done: runs that have ended leave no rows. */
const DONE_KEPT_S = 60
/** Slack behind a lease: a driven run's job is due when its driver must have died. */
const SLACK_S = 6
const FORGET_MS = 500

/**
 * Work that must happen though this process may die: jobs of pg-boss, enqueued in the transaction that makes them due.
 * A drive job wakes, it does not own: the lease does.
 */
export class Queue {
  readonly #boss: PgBoss
  readonly #observe: Observe
  readonly #errands: ErrandSettings
  readonly #safetyNetS: number
  #stopped = false
  #forgotten: string[] = []
  #forgetting: NodeJS.Timeout | undefined

  constructor(
    connectionString: string,
    observe: Observe,
    leaseMs: number,
    errands: ErrandSettings = ERRANDS_DEFAULT,
  ) {
    this.#observe = observe
    this.#safetyNetS = Math.ceil(leaseMs / 1_000) + SLACK_S
    this.#errands = errands
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
      deleteAfterSeconds: DONE_KEPT_S,
    })
    for (const { queue, retries } of Object.values(ERRANDS)) {
      await this.#boss.createQueue(queue, {
        policy: 'standard',
        retryLimit: retries,
        retryDelay: this.#errands.retryS,
        retryBackoff: true,
        retryDelayMax: 3_600,
        expireInSeconds: 60,
      })
    }
    await this.#boss.createQueue(TIDY, {
      policy: 'short',
      expireInSeconds: 3_600,
      deleteAfterSeconds: DONE_KEPT_S,
    })
    await this.#boss.schedule(TIDY, TIDY_CRON)
  }

  async work(handlers: QueueHandlers): Promise<void> {
    await this.#boss.work<DriveJob>(DRIVE, { pollingIntervalSeconds: 1, batchSize: 4 }, async (jobs) => {
      for (const { data } of jobs) await this.#drive(data, handlers)
    })
    // The record has these keys and no others.
    for (const name of Object.keys(ERRANDS) as (keyof Errands)[]) await this.#workOn(name, handlers.errands)
    await this.#boss.work(TIDY, { pollingIntervalSeconds: 30 }, () => handlers.tidy())
  }

  async #drive(job: DriveJob, handlers: QueueHandlers): Promise<void> {
    const waitMs = await handlers.drive(job)
    if (waitMs !== null) await this.rearm(job, waitMs)
  }

  /**
   * The safety net of a run that is driven here, or the call for a driver of one that is not. Done when the statement is on
   * its way: the commit answers for it.
   */
  async enqueueDrive(tx: Db, job: DriveJob, dueNow: boolean): Promise<void> {
    const underway = Promise.withResolvers<void>()
    const { executeSql } = fromKysely(tx)
    const enqueued = this.#boss.send(DRIVE, job, {
      id: uuidOf(job.runId),
      singletonKey: job.runId,
      ...(dueNow ? {} : { startAfter: this.#safetyNetS }),
      db: {
        executeSql(text: string, values?: unknown[]) {
          // One text for all jobs of the queue: it gives back no more than an id.
          keepPlan(text)
          const answer = executeSql(text, values)
          underway.resolve()
          return answer
        },
      },
    })
    enqueued.catch(underway.reject)
    leaveToCommit(tx, enqueued)
    await underway.promise
  }

  /** A run that was driven here needs another driver now, not when its net is due. */
  async callForDriver(tx: Db, job: DriveJob): Promise<void> {
    await this.#boss.deleteJob(DRIVE, uuidOf(job.runId), { db: fromKysely(tx) })
    await this.enqueueDrive(tx, job, true)
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

  /** `key`: an id whose second errand would be the same one. `dueAt`: RFC 3339; absent: now. */
  async enqueue<Name extends keyof Errands>(
    tx: Db,
    name: Name,
    key: RunId | StepId | JobId | null,
    job: Errands[Name],
    dueAt?: string,
  ): Promise<void> {
    const { off, retryS } = this.#errands
    if (off.includes(name)) return
    const options = {
      ...(key !== null && { id: uuidOf(key) }),
      ...(dueAt !== undefined && { startAfter: dueAt }),
      retryDelay: retryS,
      db: fromKysely(tx),
    }
    await this.#boss.send(ERRANDS[name].queue, job, options)
  }

  async #workOn<Name extends keyof Errands>(name: Name, handlers: ErrandHandlers): Promise<void> {
    const { queue } = ERRANDS[name]
    await this.#boss.work<Errands[Name]>(queue, SIDE_BY_SIDE, (jobs) =>
      Promise.all(
        jobs.map(({ id, data }) =>
          handlers[name](data).then(
            () => ({ id, status: 'completed' as const }),
            (error: unknown) => {
              this.#observe({ type: 'job_failed', queue, error })
              return { id, status: 'failed' as const, output: { message: messageOf(error) } }
            },
          ),
        ),
      ),
    )
  }

  async stop(graceMs: number): Promise<void> {
    this.#stopped = true
    await this.#forget()
    await this.#boss.stop({ graceful: true, timeout: graceMs, close: true })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The part behind the kind: ids of jobs have none. */
function uuidOf(id: string): string {
  return id.slice(id.indexOf('-') + 1)
}
