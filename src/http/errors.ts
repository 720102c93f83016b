import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { FAULTS, Fault } from '../domain/fault.ts'
import { isPassing } from '../store/transaction.ts'
import type { Observe } from '../worker/observation.ts'

/** The only place where an error becomes an answer. */
export function answerError(error: unknown, c: Context, observe: Observe): Response {
  if (error instanceof Fault) return answerFault(error, c)
  if (isPassing(error)) {
    observe({ type: 'database_trouble', what: `${c.req.method} ${c.req.path}`, error })
    const detail = 'The database is not available at the moment. Please try again.'
    return c.json({ detail }, 503, { 'retry-after': '1' })
  }
  observe({ type: 'request_crashed', method: c.req.method, path: c.req.path, error })
  return c.json({ detail: 'An unknown error occurred' }, 500)
}

/** Most bodies are `{detail}` with further members beside it; a code stands in front of the text. */
function answerFault(fault: Fault, c: Context): Response {
  const { status, prefix } = FAULTS[fault.code]
  const text = prefix ? `${prefix}: ${fault.message}` : fault.message
  const body =
    fault.code === 'pending_approval' && 'code' in fault.members
      ? { detail: { ...fault.members, message: text } }
      : { detail: text, ...fault.members }
  return c.json(body, status satisfies ContentfulStatusCode, fault.headers)
}
