import { Fault, NO_RETRY } from '../domain/fault.ts'
import type { MessageId, RunId } from '../domain/id.ts'
import type { Outcome } from '../domain/run.ts'

/** Clients match on `waiting for approval`. `requestId`: the message that asks; null: it is not known any more. */
export function pendingApproval(requestId: MessageId | null): Fault {
  return new Fault(
    'pending_approval',
    'Cannot send a new message: The agent is waiting for approval on a tool call. Please approve or deny the pending request before continuing.',
    requestId ? { pending_request_id: requestId } : {},
    NO_RETRY,
  )
}

/** Clients match on `is currently being processed`. */
export function conversationBusy(runId: RunId | null): Fault {
  const by = runId ? ` (run_id=${runId})` : ''
  return new Fault(
    'conversation_busy',
    `Cannot send a new message: Another request${by} is currently being processed for this conversation. Please wait for the current request to complete.`,
    runId ? { run_id: runId } : {},
    { 'retry-after': '1' },
  )
}

/** How the run of a caller ends that waited, and is refused after all. */
export function outcomeOf({ code, message, members }: Fault): Outcome {
  return {
    stopReason: 'error',
    error: { errorType: code, message, detail: message, modelFailure: null, members },
  }
}
