import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { Fault } from '../domain/fault.ts'
import { type AgentId, newId, type OrganizationId, type RunId } from '../domain/id.ts'
import type { BatchRequest, Job, JobId } from '../domain/job.ts'
import {
  findUnstarted,
  insertRequests,
  readRefused,
  readUnfinishedRuns,
  saveRefused,
  saveStarted,
} from '../store/batches.ts'
import { endJob, findJob, insertJob } from '../store/jobs.ts'
import type { Db } from '../store/schema.ts'
import { inTransaction } from '../store/transaction.ts'
import type { EngineDeps } from './deps.ts'
import type { OutboundGuard } from './outbound-guard.ts'
import type { BatchJob } from './queue.ts'
import { CANCELLED } from './settle.ts'
import { startInBackground } from './start-in-background.ts'
import type { Worker } from './worker.ts'

/** How soon a batch is looked at again whose runs have not ended. */
const LOOK_AGAIN_MS = 2_000
/** How long requests are started in one go: the queue gives an errand a minute, of which a start may wait half. */
const PASS_MS = 20_000
/** How long a caller waits for the runs of a cancelled batch; thousands of them take longer. */
const CANCEL_MS = 10_000
/** Runs that are cancelled side by side: connections of the database are there for others as well. */
const ENDED_AT_ONCE = 4

/** Takes a batch in: from here on each of its requests has a run or a reason. */
export async function startBatch(
  deps: Pick<EngineDeps, 'db' | 'queue'>,
  batch: Pick<Job, 'organizationId' | 'userId' | 'callbackUrl'> & { requests: BatchRequest[] },
): Promise<JobId> {
  const jobId = newId('job')
  const { organizationId, requests } = batch
  await inTransaction(deps.db, async (tx) => {
    await insertJob(tx, { ...batch, id: jobId, jobType: 'batch', status: 'running' })
    await insertRequests(tx, organizationId, jobId, requests)
    await deps.queue.enqueue(tx, 'batch', null, { organizationId, jobId })
  })
  return jobId
}

/**
 * Starts a run for each request that has none, ends the batch when all have ended, and comes again otherwise. It may be
 * called at any moment and twice at once: whoever starts a request first has noted its run.
 */
export async function driveBatch(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  batch: BatchJob,
): Promise<void> {
  const areAllStarted = await startRequests(deps, worker, guard, batch)
  const job = await findJob(deps.db, batch.organizationId, batch.jobId)
  if (job?.status === 'cancelled') return endRuns(deps, worker, batch)
  if (job?.status !== 'running') return
  const unfinished = await readUnfinishedRuns(deps.db, batch)
  if (!areAllStarted || unfinished.length > 0) return lookAgain(deps, deps.db, batch)
  await inTransaction(deps.db, async (tx) => {
    const ended = await endBatch(tx, batch, 'completed')
    if (ended?.callbackUrl) await deps.queue.enqueue(tx, 'job_callback', batch.jobId, batch)
  })
}

/** Whoever reads the job is told of the requests that could not be started. */
async function endBatch(
  tx: Db,
  batch: BatchJob,
  status: 'completed' | 'cancelled',
): Promise<Job | undefined> {
  const refused = await readRefused(tx, batch)
  const notStarted = refused.map(({ index, agentId, error }) => ({ index, agent_id: agentId, error }))
  const metadata = notStarted.length > 0 ? { not_started: notStarted } : null
  return endJob(tx, batch.organizationId, batch.jobId, status, metadata)
}

async function lookAgain({ queue }: Pick<EngineDeps, 'queue'>, tx: Db, batch: BatchJob): Promise<void> {
  const dueAt = new Date(Date.now() + LOOK_AGAIN_MS).toISOString()
  await queue.enqueue(tx, 'batch', null, batch, dueAt)
}

/**
 * False: some cannot be started yet. Then those behind them to the same agents wait as well: an agent gets its requests in
 * their order. A batch that has ended has none to start.
 */
async function startRequests(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  batch: BatchJob,
): Promise<boolean> {
  const job = await findJob(deps.db, batch.organizationId, batch.jobId)
  if (!job) return true
  const until = performance.now() + PASS_MS
  const full = new Set<AgentId>()
  for (let behind = -1; ; ) {
    const next = await findUnstarted(deps.db, batch, { behind, except: [...full] })
    if (!next) return full.size === 0
    if (performance.now() > until) return false
    const started = await startOne(deps, worker, guard, job, next.index, next.request)
    if (started === 'full') full.add(next.request.agentId)
    behind = next.index
  }
}

/** `full`: the agent, or the server, has as many messages waiting as may; later there is room. */
async function startOne(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  job: Job,
  index: number,
  request: BatchRequest,
): Promise<'full' | 'done'> {
  const { organizationId, userId } = job
  const batch = { organizationId, jobId: job.id }
  try {
    await startInBackground(deps, worker, guard, {
      actor: { organizationId, userId },
      agentId: request.agentId,
      // A client that repeats its otids means the runs that it has.
      items: request.input.map((item, part) => ({
        ...item,
        otid: item.otid ?? `${job.id}:${index}:${part}`,
      })),
      bodyHash: request.bodyHash,
      options: request.options,
      callbackUrl: null,
      metadata: { run_type: 'batch', batch_id: job.id, batch_index: index },
      async note(tx, runId) {
        if (!(await saveStarted(tx, batch, index, runId))) throw new TooLate()
      },
    })
  } catch (error) {
    if (error instanceof TooLate) return 'done'
    if (!(error instanceof Fault)) throw error
    if (error.code === 'conversation_busy' || error.code === 'unavailable') return 'full'
    await saveRefused(deps.db, batch, index, error.message)
  }
  return 'done'
}

/** Somebody else has started the request, or ended the batch, since it was read. */
class TooLate extends Error {
  override name = 'TooLate'
}

/**
 * Cancels a job and its runs. What has ended stays as it is. Behind the job's end no run is started, so that all are found
 * here; the errand ends those that this process leaves.
 */
export async function cancelJob(
  deps: Pick<EngineDeps, 'db' | 'queue'>,
  worker: Worker,
  organizationId: OrganizationId,
  jobId: JobId,
): Promise<void> {
  const batch = { organizationId, jobId }
  await inTransaction(deps.db, async (tx) => {
    if (await endBatch(tx, batch, 'cancelled')) await lookAgain(deps, tx, batch)
  })
  const job = await findJob(deps.db, organizationId, jobId)
  if (job?.status !== 'cancelled') return
  const ended = endRuns(deps, worker, batch)
  await Promise.race([ended, sleep(CANCEL_MS, undefined, { ref: false })])
  ended.catch(() => undefined)
}

/** Those that wait go first: no run gets its turn only to be cancelled in it. */
async function endRuns({ db }: Pick<EngineDeps, 'db'>, worker: Worker, batch: BatchJob): Promise<void> {
  const endOne = (runId: RunId) => worker.end(batch.organizationId, runId, CANCELLED)
  await pLimit(ENDED_AT_ONCE).map(await readUnfinishedRuns(db, batch), endOne)
}
