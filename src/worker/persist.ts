import { setTimeout as sleep } from 'node:timers/promises'
import type { ConversationId, OrganizationId } from '../domain/id.ts'
import { LeaseLost } from '../store/leases.ts'
import type { Db } from '../store/schema.ts'
import { lockScope } from '../store/scopes.ts'
import { inTransaction, isPassing } from '../store/transaction.ts'
import type { EngineDeps } from './deps.ts'
import type { Drive } from './drive.ts'

const RETRY_MS = 100
const RETRY_MS_MAX = 2_000
/** How long a caller waits for a database that is away. */
const CALLER_MS_MAX = 5_000

type Patience = {
  what: string
  scope: { organizationId: OrganizationId; conversationId: ConversationId }
  /** Milliseconds that may still be spent on further tries. */
  leftMs(): number
  /** What is thrown when they are spent. */
  giveUp(error: unknown): unknown
}

/**
 * A transaction on a scope that outlives trouble of the database. The answer to a commit can get lost though the commit
 * happened: before another try, `readBack` looks, under the scope's lock, for what the transaction would have written, and
 * returns its result if it is there. All ids are chosen before.
 */
async function outlive<Result>(
  deps: Pick<EngineDeps, 'db' | 'observe'>,
  { what, scope, leftMs, giveUp }: Patience,
  work: (tx: Db) => Promise<Result>,
  readBack: (tx: Db) => Promise<Result | undefined>,
): Promise<Result> {
  const again = async (tx: Db) => {
    // Whoever still commits holds this lock.
    await lockScope(tx, scope.organizationId, scope.conversationId, true)
    return (await readBack(tx)) ?? (await work(tx))
  }
  for (let tries = 0; ; tries++) {
    try {
      return await inTransaction(deps.db, tries === 0 ? work : again)
    } catch (error) {
      if (!isPassing(error)) throw error
      deps.observe({ type: 'database_trouble', what, error })
      const waitMs = Math.min(RETRY_MS * 2 ** tries, RETRY_MS_MAX)
      if (leftMs() <= waitMs) throw giveUp(error)
      await sleep(waitMs)
    }
  }
}

/** A driver's transaction: tried again as long as the process's lease lasts. */
export async function persist<Result>(
  { deps, lease }: Pick<Drive, 'deps' | 'lease'>,
  what: string,
  work: (tx: Db) => Promise<Result>,
  readBack: (tx: Db) => Promise<Result | undefined>,
): Promise<Result> {
  const patience: Patience = {
    what,
    scope: lease,
    leftMs: () => deps.lease.leftMs,
    giveUp: () => new LeaseLost(`the database was away for too long while ${what}`),
  }
  return outlive(deps, patience, work, readBack)
}

/** A caller's transaction: tried again for as long as a caller waits. */
export async function persistForCaller<Result>(
  deps: Pick<EngineDeps, 'db' | 'observe'>,
  what: string,
  scope: Patience['scope'],
  work: (tx: Db) => Promise<Result>,
  readBack: (tx: Db) => Promise<Result | undefined>,
): Promise<Result> {
  const start = performance.now()
  const leftMs = () => CALLER_MS_MAX - (performance.now() - start)
  return outlive(deps, { what, scope, leftMs, giveUp: (error) => error }, work, readBack)
}
