import { Fault } from '../domain/fault.ts'
import { newId, type OrganizationId } from '../domain/id.ts'
import type { BatchRequest, Job, JobId } from '../domain/job.ts'
import { insertRequests, readUnfinishedRuns, readUnstarted, saveStarted } from '../store/batches.ts'
import { endJob, findJob, insertJob } from '../store/jobs.ts'
import { inTransaction } from '../store/transaction.ts'
import type { EngineDeps } from './deps.ts'
import type { OutboundGuard } from './outbound-guard.ts'
import type { BatchJob } from './queue.ts'
import { startInBackground } from './start-in-background.ts'
import type { Worker } from './worker.ts'

/** How soon a batch is looked at again whose runs have not ended. */
const LOOK_AGAIN_MS = 2_000

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
 * called at any moment and twice at once: a request's place is its run's key.
 */
export async function driveBatch(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  { organizationId, jobId }: BatchJob,
): Promise<void> {
  const job = await findJob(deps.db, organizationId, jobId)
  if (job?.status !== 'running') return
  let isFull = false
  for (const { index, request } of await readUnstarted(deps.db, organizationId, jobId)) {
    const started = await startOne(deps, worker, guard, job, index, request)
    if (started === 'full') isFull = true
    else await saveStarted(deps.db, organizationId, jobId, index, started)
  }
  const unfinished = await readUnfinishedRuns(deps.db, organizationId, jobId)
  if (isFull || unfinished.length > 0) {
    const dueAt = new Date(Date.now() + LOOK_AGAIN_MS).toISOString()
    return deps.queue.enqueue(deps.db, 'batch', null, { organizationId, jobId }, dueAt)
  }
  await inTransaction(deps.db, async (tx) => {
    const ended = await endJob(tx, organizationId, jobId, 'completed')
    if (ended?.callbackUrl) await deps.queue.enqueue(tx, 'job_callback', jobId, { organizationId, jobId })
  })
}

/** `full`: as many messages wait for the agent as may; later there is room. */
async function startOne(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  job: Job,
  index: number,
  request: BatchRequest,
) {
  const { organizationId, userId } = job
  try {
    const runId = await startInBackground(deps, worker, guard, {
      actor: { organizationId, userId },
      agentId: request.agentId,
      items: request.input,
      stepsMax: request.stepsMax,
      returnTypes: request.returnTypes,
      callbackUrl: null,
      metadata: { run_type: 'batch', batch_id: job.id, batch_index: index },
      key: `${job.id}:${index}`,
    })
    return { runId }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    return error.code === 'conversation_busy' ? 'full' : { error: error.message }
  }
}

/** Cancels a job and its runs. What has ended stays as it is. Returns the job as it is then. */
export async function cancelJob(
  deps: Pick<EngineDeps, 'db'>,
  worker: Worker,
  organizationId: OrganizationId,
  jobId: JobId,
): Promise<void> {
  const cancelled = await endJob(deps.db, organizationId, jobId, 'cancelled')
  if (!cancelled) return
  for (const runId of await readUnfinishedRuns(deps.db, organizationId, jobId)) {
    await worker.end(organizationId, runId, { stopReason: 'cancelled', error: null })
  }
}
