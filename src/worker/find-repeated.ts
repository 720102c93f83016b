import { createHash } from 'node:crypto'
import type { Actor } from '../domain/actor.ts'
import { Fault, NO_RETRY } from '../domain/fault.ts'
import type { RunId } from '../domain/id.ts'
import { findByKeys, findRetried } from '../store/idempotency.ts'
import type { Db } from '../store/schema.ts'
import type { ScopeKey } from '../store/scopes.ts'

export type Repeatable = {
  actor: Actor
  /** The request's body as text: two requests with one hash are the same request. */
  bodyHash: string
  /** The sender says that this is a retry of a request that it got no answer to. */
  isRetry: boolean
}

/** The run that this request has started already, when it came before. Faults: conflict for keys of another request. */
export async function findRepeated(
  tx: Db,
  scope: ScopeKey,
  send: Repeatable,
  keys: string[],
): Promise<RunId | undefined> {
  const known = await findByKeys(tx, scope, keys)
  if (known) {
    if (known.requestHash === send.bodyHash) return known.runId
    throw new Fault(
      'conflict',
      'An otid of this request was used for a different request before. Choose new otids for a new request.',
      { code: 'OTID_REUSED', run_id: known.runId },
      NO_RETRY,
    )
  }
  if (!send.isRetry || keys.length > 0) return undefined
  return findRetried(tx, scope, send.actor.userId, send.bodyHash)
}

/** What a request is known by: each otid of its messages, and all of them together. */
export function keysOf(otids: string[]): string[] {
  if (otids.length === 0) return []
  return [...new Set([...otids, createHash('sha256').update(otids.join('|')).digest('hex').slice(0, 16)])]
}
