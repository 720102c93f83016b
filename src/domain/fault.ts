import type { JsonObject } from './json.ts'

/**
 * What a caller did wrong, or what this server cannot do for a caller now: the status that the API answers with,
 * and the code that it puts in front of the text (null: the text stands alone). Everything that is not a Fault is a
 * bug and answers 500.
 */
export const FAULTS = {
  bad_request: { status: 400, prefix: null },
  invalid_argument: { status: 400, prefix: 'INVALID_ARGUMENT' },
  unauthorized: { status: 401, prefix: null },
  payment_required: { status: 402, prefix: 'PAYMENT_REQUIRED' },
  forbidden: { status: 403, prefix: 'PERMISSION_DENIED' },
  not_found: { status: 404, prefix: null },
  coded_not_found: { status: 404, prefix: 'NOT_FOUND' },
  method_not_allowed: { status: 405, prefix: null },
  conflict: { status: 409, prefix: 'CONFLICT' },
  plain_conflict: { status: 409, prefix: null },
  pending_approval: { status: 409, prefix: 'CONFLICT' },
  conversation_busy: { status: 409, prefix: 'CONFLICT' },
  expired: { status: 410, prefix: 'EXPIRED' },
  too_large: { status: 413, prefix: null },
  unsupported_media_type: { status: 415, prefix: null },
  unprocessable: { status: 422, prefix: null },
  /** Nobody reads the answer; it stands in the log. */
  client_gone: { status: 499, prefix: null },
  not_implemented: { status: 501, prefix: null },
  unavailable: { status: 503, prefix: null },
} as const satisfies Record<string, { status: number; prefix: string | null }>

export type FaultCode = keyof typeof FAULTS

/** Thrown anywhere, turned into an answer in one place: `http/errors.ts`. */
export class Fault extends Error {
  override name = 'Fault'
  readonly code: FaultCode
  /** Further members of the answer's body, in the wire's own names (`run_id`, `pending_request_id` …). */
  readonly members: JsonObject
  /** Headers that the answer carries, e.g. `retry-after`. */
  readonly headers: Record<string, string>

  constructor(
    code: FaultCode,
    message: string,
    members: JsonObject = {},
    headers: Record<string, string> = {},
  ) {
    super(message)
    this.code = code
    this.members = members
    this.headers = headers
  }
}

/** The official clients repeat every 409 twice; these would only fail again. */
export const NO_RETRY = { 'x-should-retry': 'false' }
