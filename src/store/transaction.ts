import { sql } from 'kysely'
import { transact } from './pipeline.ts'
import type { Db } from './schema.ts'
import { sqlState } from './sql-state.ts'

/** Deadlock and serialisation failure: the whole transaction can be tried again. */
const RETRIED = new Set(['40P01', '40001'])
const TRIES_MAX = 3

/**
 * Runs `work` in a transaction: the one that `db` already is, or a new one, which is tried again as a whole when the
 * database asks for it. `work` awaits nothing but statements on its own handle.
 */
export async function inTransaction<Result>(db: Db, work: (tx: Db) => Promise<Result>): Promise<Result> {
  if (db.isTransaction) return work(db)
  for (let tries = 1; ; tries++) {
    try {
      return await transact(db, work)
    } catch (error) {
      if (tries >= TRIES_MAX || !RETRIED.has(sqlState(error) ?? '')) throw error
    }
  }
}

/** Statements that are undone as a whole when one of them fails, while the transaction around them goes on. */
export async function inSavepoint<Result>(tx: Db, work: () => Promise<Result>): Promise<Result> {
  await sql`savepoint part`.execute(tx)
  try {
    const result = await work()
    await sql`release savepoint part`.execute(tx)
    return result
  } catch (error) {
    await sql`rollback to savepoint part`.execute(tx)
    throw error
  }
}

/** `23505`: another row has the key. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (sqlState(error) !== '23505') return false
  return constraint === undefined || (error as { constraint?: string }).constraint === constraint
}

/**
 * Whether a statement was more than the database takes: more than 65,535 values (which it takes for broken speech), or one
 * too long for an index. A pooler calls all trouble broken speech, and ends the connection with it.
 */
export function isTooMuch(error: unknown): boolean {
  if ((error as { severity?: string } | null)?.severity === 'FATAL') return false
  return /^(08P01|42P02|54...)$/.test(sqlState(error) ?? '')
}

/** A lock that was not free in time, a transaction that idled for too long, a server that only reads by now. */
const PASSING = new Set(['55P03', '25P03', '25006'])

/**
 * Whether the trouble is the database's and will pass: connections, timeouts, locks, a full disk, a restart. A run that
 * meets it is not failed but tried again.
 */
export function isPassing(error: unknown): boolean {
  if (isTooMuch(error)) return false
  const state = sqlState(error)
  if (state) return /^(08|26|53|57|58|40)/.test(state) || PASSING.has(state)
  const message = error instanceof Error ? error.message : ''
  return /ECONNREFUSED|ECONNRESET|EPIPE|ENOENT.*\.s\.PGSQL|terminat|timeout exceeded|read timeout|Connection ended|not queryable/i.test(
    message,
  )
}
