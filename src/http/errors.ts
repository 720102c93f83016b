import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { FAULTS, Fault } from '../domain/fault.ts'
import type { JsonObject } from '../domain/json.ts'
import { sqlState } from '../store/sql-state.ts'
import { isPassing, isTooMuch } from '../store/transaction.ts'
import type { Observe } from '../worker/observation.ts'

/** The only place where an error becomes an answer. */
export function answerError(error: unknown, c: Context, observe: Observe): Response {
  if (error instanceof Fault) return answerFault(error, c)
  if (isPassing(error)) {
    observe({ type: 'database_trouble', what: `${c.req.method} ${c.req.path}`, error })
    const detail = 'The database is not available at the moment. Please try again.'
    return c.json({ detail }, 503, { 'retry-after': '1' })
  }
  if (isTooMuch(error)) {
    return c.json({ detail: 'The request holds more, or longer, values than the database can take' }, 413)
  }
  if (isInConflict(error))
    return c.json({ detail: 'Something else stands in the way: it is in use, or its name is taken' }, 409)
  observe({ type: 'request_crashed', method: c.req.method, path: c.req.path, error })
  return c.json({ detail: 'An unknown error occurred' }, 500)
}

/** The database's own word that two things do not go together: a key that is taken, or one that is pointed at. */
function isInConflict(error: unknown): boolean {
  return /^2350[35]$/.test(sqlState(error) ?? '')
}

/** Most bodies are `{detail}` with further members beside it; a code stands in front of the text. */
function answerFault(fault: Fault, c: Context): Response {
  const { status, prefix } = FAULTS[fault.code]
  const text = prefix ? `${prefix}: ${fault.message}` : fault.message
  const members = fault.code === 'pending_approval' ? pendingMembers(text, fault) : fault.members
  const detail = isStructured(fault, c) ? members : text
  return c.json({ detail, ...members }, status as ContentfulStatusCode, fault.headers)
}

/** Clients that cannot read the object under `detail` look for the text beside it. */
function pendingMembers(message: string, { members }: Fault): JsonObject {
  return { code: 'PENDING_APPROVAL', message, ...members }
}

/** Clients of the agent routes read an object where those of the conversation routes read a text. */
function isStructured(fault: Fault, c: Context): boolean {
  return fault.code === 'pending_approval' && !c.req.path.includes('/conversations/')
}
