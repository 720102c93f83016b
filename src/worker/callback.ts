import { createHmac } from 'node:crypto'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { JobId } from '../domain/job.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Run } from '../domain/run.ts'
import { saveCallback, saveJobCallback } from '../store/callbacks.ts'
import { findJob } from '../store/jobs.ts'
import { findRun } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import type { EngineDeps } from './deps.ts'
import type { Observe } from './observation.ts'
import type { OutboundGuard } from './outbound-guard.ts'
import { postJson } from './post-json.ts'
import { type RunAnswer, transcriptOfRun } from './run-answer.ts'

const CALLBACK_MS = 5_000
/** The other side wants no more of it. */
const GONE = 410

export type CallbackDeps = {
  db: Db
  observe: Observe
  guard: OutboundGuard
  secret: string | null
  /** The result as the wire shows it: `{messages, stop_reason, usage, …}`. */
  toResult(run: Run, answer: RunAnswer): JsonObject
  fault: EngineDeps['fault']
}

/**
 * Tells the caller's address that a run has ended. Delivered at least once: a failed try throws and the queue tries
 * again; the key in the header lets the other side see a repeat. The columns of the run describe the last try.
 */
export async function deliverCallback(
  deps: CallbackDeps,
  organizationId: OrganizationId,
  runId: RunId,
): Promise<void> {
  const run = await findRun(deps.db, organizationId, runId)
  if (!run?.callbackUrl) return
  const answer = await transcriptOfRun(deps.db, organizationId, run)
  const body = JSON.stringify({
    run_id: run.id,
    status: run.status,
    completed_at: run.completedAt,
    metadata: { ...run.metadata, result: deps.toResult(run, answer) },
  })
  deps.fault('before_callback')
  const tried = await post(deps, run.id, `run ${run.id}`, run.callbackUrl, body)
  deps.fault('after_callback')
  await saveCallback(deps.db, organizationId, runId, tried)
  deps.observe({ type: 'callback_tried', runId, ...tried })
  if (tried.error !== null) throw new Error(tried.error)
}

/** The same for a job. */
export async function deliverJobCallback(
  deps: CallbackDeps,
  organizationId: OrganizationId,
  jobId: JobId,
): Promise<void> {
  const job = await findJob(deps.db, organizationId, jobId)
  if (!job?.callbackUrl) return
  const { status, completedAt, metadata } = job
  const body = JSON.stringify({ job_id: jobId, status, completed_at: completedAt, metadata })
  const tried = await post(deps, jobId, `job ${jobId}`, job.callbackUrl, body)
  await saveJobCallback(deps.db, organizationId, jobId, tried)
  if (tried.error !== null) throw new Error(tried.error)
}

async function post(
  deps: CallbackDeps,
  key: string,
  of: string,
  url: string,
  body: string,
): Promise<{ status: number | null; error: string | null }> {
  const headers = {
    'idempotency-key': key,
    ...(deps.secret !== null && { 'x-perdure-signature': signatureOf(deps.secret, body) }),
  }
  const posted = await postJson(url, body, { headers, waitMs: CALLBACK_MS, guard: deps.guard })
  if (!posted.ok) {
    const error = `Failed to dispatch callback for ${of} to ${url}: ${posted.why}`
    return { status: null, error }
  }
  const { status } = posted
  const isDone = (status >= 200 && status < 300) || status === GONE
  return { status, error: isDone ? null : `Callback of ${of} to ${url} was answered ${status}` }
}

/** HMAC-SHA256 of the body's bytes under the operator's secret, in hex. */
export function signatureOf(secret: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}
