import type { JsonObject } from './json.ts'
import { STOP_REASONS, type StopReason } from './stop-reason.ts'

/** What went wrong between us and a model, by what it means for the caller. */
export const MODEL_FAILURES = {
  timeout: { errorType: 'llm_timeout', httpType: 'llm_timeout', status: 504, stopReason: 'llm_api_error' },
  rate_limited: {
    errorType: 'llm_rate_limit',
    httpType: 'llm_rate_limit',
    status: 429,
    stopReason: 'llm_api_error',
  },
  out_of_credits: {
    errorType: 'llm_error',
    httpType: 'llm_insufficient_credits',
    status: 402,
    stopReason: 'llm_api_error',
  },
  unauthorized: {
    errorType: 'llm_authentication',
    httpType: 'llm_authentication',
    status: 401,
    stopReason: 'llm_api_error',
  },
  bad_request: {
    errorType: 'llm_error',
    httpType: 'llm_bad_request',
    status: 400,
    stopReason: 'llm_api_error',
  },
  overloaded: { errorType: 'llm_error', httpType: null, status: 503, stopReason: 'llm_api_error' },
  empty_response: {
    errorType: 'llm_empty_response',
    httpType: 'llm_error',
    status: 500,
    stopReason: 'invalid_llm_response',
  },
  invalid_response: {
    errorType: 'llm_error',
    httpType: 'llm_error',
    status: 500,
    stopReason: 'invalid_llm_response',
  },
  /** The connection failed or broke, the server erred, the model is unknown, permission is missing, and the rest. */
  server_error: { errorType: 'llm_error', httpType: 'llm_error', status: 500, stopReason: 'llm_api_error' },
  connection: { errorType: 'llm_error', httpType: 'llm_error', status: 500, stopReason: 'llm_api_error' },
  forbidden: { errorType: 'llm_error', httpType: 'llm_error', status: 500, stopReason: 'llm_api_error' },
  not_found: { errorType: 'llm_error', httpType: 'llm_error', status: 500, stopReason: 'llm_api_error' },
  unprocessable: { errorType: 'llm_error', httpType: 'llm_error', status: 500, stopReason: 'llm_api_error' },
  context_full: { errorType: 'internal_error', httpType: null, status: 400, stopReason: 'error' },
  /** Our own signal ended the call. Never shown: a cancelled run has its own ending. */
  aborted: { errorType: 'internal_error', httpType: null, status: 500, stopReason: 'cancelled' },
} as const satisfies Record<string, FailureMeaning>

type FailureMeaning = {
  /** `error_type` of the stream's error event and of the run's `metadata.error`. */
  errorType: string
  /** `error.type` of a blocking answer's body; null: the body is a plain `detail`. */
  httpType: string | null
  status: number
  stopReason: StopReason
}

export type ModelFailureKind = keyof typeof MODEL_FAILURES

export type ModelFailure = {
  kind: ModelFailureKind
  /** One sentence for the user. */
  message: string
  /** The provider's own words, without credentials. */
  detail: string
  /** The provider's HTTP status, when there was one. */
  status?: number
  /** How long the provider asked us to wait, in milliseconds. */
  retryAfterMs?: number
  /** Something of the answer was already shown to a reader: the call must not be repeated. */
  shown?: boolean
  /** The kind says that the request was bad, but the account was the reason, not what is in the request. */
  ofAccount?: true
}

/** What a failed run leaves in `metadata.error` and shows in the stream's error event. */
export type RunError = {
  errorType: string
  message: string
  detail: string | null
  /** Set when a model failed: how a blocking answer maps it to HTTP. */
  modelFailure: ModelFailureKind | null
  /** What stands beside the text in the body of a caller that waited and was refused; see `Fault`. */
  members?: JsonObject
}

/** Endings that are no error to whoever reads the answer, while the run has failed: its record says why in these words. */
const UNTOLD: Partial<Record<StopReason, string>> = {
  max_tokens_exceeded: "The model's answer was cut off at its token limit.",
  no_tool_call: 'The model had to call a tool and did not.',
  invalid_tool_call:
    'The turn could not go on with any call that the tool rules allow, with the arguments that they give.',
  insufficient_credits: 'The organization has no credits left for another model call.',
}

/** What the record of a run says went wrong; null: nothing did. */
export function recordedError(stopReason: StopReason, error: RunError | null): RunError | null {
  if (error || STOP_REASONS[stopReason] !== 'failed') return error
  const message = UNTOLD[stopReason] ?? 'The run has failed.'
  return { errorType: stopReason, message, detail: null, modelFailure: null }
}
