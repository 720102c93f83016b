import { setTimeout as sleep } from 'node:timers/promises'
import { LeaseLost } from '../store/leases.ts'
import type { Db } from '../store/schema.ts'
import { inTransaction, isPassing } from '../store/transaction.ts'
import type { EngineDeps } from './deps.ts'

const RETRY_MS = 100
const RETRY_MS_MAX = 2_000

/**
 * A transaction of a driver that outlives trouble of the database: it is tried again as long as the process's lease
 * lasts. The answer to a commit can get lost though the commit happened: `readBack` looks for what the transaction
 * would have written, before it is tried again, and returns its result if it is there.
 */
export async function persist<Result>(
  deps: EngineDeps,
  what: string,
  work: (tx: Db) => Promise<Result>,
  readBack: (db: Db) => Promise<Result | undefined>,
): Promise<Result> {
  for (let tries = 0; ; tries++) {
    try {
      if (tries > 0) {
        const found = await readBack(deps.db)
        if (found !== undefined) return found
      }
      return await inTransaction(deps.db, work)
    } catch (error) {
      if (!isPassing(error)) throw error
      deps.observe({ type: 'database_trouble', what, error })
      const waitMs = Math.min(RETRY_MS * 2 ** tries, RETRY_MS_MAX)
      if (deps.lease.leftMs <= waitMs) throw new LeaseLost(`the database was away for too long while ${what}`)
      await sleep(waitMs)
    }
  }
}
