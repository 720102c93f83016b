import type { StepId } from '../domain/id.ts'
import { postJson } from './post-json.ts'

const WEBHOOK_MS = 10_000

export type StepWebhook = { url: string; key: string | null }

/** Tells the operator's address that a step has ended. Throws when it was not heard: the queue tries again. */
export async function deliverStepWebhook({ url, key }: StepWebhook, stepId: StepId): Promise<void> {
  const posted = await postJson(url, JSON.stringify({ step_id: stepId }), {
    headers: { 'idempotency-key': stepId, ...(key !== null && { authorization: `Bearer ${key}` }) },
    waitMs: WEBHOOK_MS,
    // The operator's own setting: it may well be inside.
    guard: null,
  })
  if (!posted.ok) throw new Error(`the webhook of ${stepId} failed: ${posted.why}`)
  if (posted.status >= 400) throw new Error(`the webhook of ${stepId} was answered ${posted.status}`)
}
