import { MODEL_FAILURES, type RunError } from '../domain/failure.ts'
import { Fault, NO_RETRY } from '../domain/fault.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Run } from '../domain/run.ts'

export type Answer = { status: number; body: JsonObject }

/**
 * How a caller that waited for a JSON answer is told that its run failed; undefined: the run says it itself, by its stop
 * reason. Faults: those that the caller would have got at once, had it come a moment later.
 */
export function failedAnswer(run: Run, error: RunError | null): Answer | undefined {
  if (run.status !== 'failed' || error === null) return undefined
  if (error.errorType === 'pending_approval')
    throw new Fault('pending_approval', error.message, error.members, NO_RETRY)
  if (error.errorType === 'conversation_busy')
    throw new Fault('conversation_busy', error.message, error.members, { 'retry-after': '1' })
  if (error.modelFailure === null)
    return { status: 500, body: { detail: 'An unknown error occurred', run_id: run.id } }
  const { status, httpType } = MODEL_FAILURES[error.modelFailure]
  if (httpType === null) return { status, body: { detail: `${error.message} ${error.detail ?? ''}`.trim() } }
  return { status, body: { error: { type: httpType, message: error.message, detail: error.detail } } }
}
