import { createHmac } from 'node:crypto'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Run } from '../domain/run.ts'
import { saveCallback } from '../store/callbacks.ts'
import { findRun } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { checkAddress, type OutboundGuard } from './fetch-image.ts'
import { answerOfRun, type RunAnswer } from './run-answer.ts'

const CALLBACK_MS = 5_000

export type CallbackDeps = {
  db: Db
  guard: OutboundGuard
  secret: string | null
  /** The result as the wire shows it: `{messages, stop_reason, usage, …}`. */
  toResult(run: Run, answer: RunAnswer): JsonObject
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
  const answer = await answerOfRun(deps.db, organizationId, run)
  const body = JSON.stringify({
    run_id: run.id,
    status: run.status,
    completed_at: run.completedAt,
    metadata: { ...run.metadata, result: deps.toResult(run, answer) },
  })
  const tried = await post(deps, run, body)
  await saveCallback(deps.db, organizationId, runId, tried)
  if (tried.error !== null) throw new Error(tried.error)
}

async function post(
  deps: CallbackDeps,
  run: Run,
  body: string,
): Promise<{ status: number | null; error: string | null }> {
  const url = run.callbackUrl ?? ''
  try {
    await checkAddress(url, deps.guard)
    const response = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      body,
      headers: {
        'content-type': 'application/json',
        'idempotency-key': run.id,
        ...(deps.secret !== null && { 'x-perdure-signature': signature(deps.secret, body) }),
      },
      signal: AbortSignal.timeout(CALLBACK_MS),
    })
    await response.body?.cancel()
    // 410: the other side wants no more of it.
    const isDone = response.ok || response.status === 410
    return {
      status: response.status,
      error: isDone ? null : `Callback of ${run.id} to ${url} was answered ${response.status}`,
    }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { status: null, error: `Failed to dispatch callback for run ${run.id} to ${url}: ${why}` }
  }
}

function signature(secret: string, body: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}
