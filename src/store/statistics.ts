import { sql } from 'kysely'
import type { Db } from './schema.ts'

/** What each turn reads and writes. */
const TURN_TABLES: readonly string[] = [
  'conversations',
  'runs',
  'run_events',
  'steps',
  'messages',
  'context_items',
]
/** Fewer rows are read as fast by any plan, and say little about those to come. */
const ROWS_MIN = 100

/**
 * Tells the planner of tables that have come to hold something and that it knows nothing of. Until it does, it takes one
 * organisation to have one row, and reads all rows of it where an id would find one: a turn is then as long as the tables
 * are, until the database itself gets round to it, which may be a minute. Returns whether it knows what turns use.
 */
export async function analyzeNewTables(db: Db): Promise<boolean> {
  const { rows: unknown } = await sql<{ name: string; rows: number }>`
    select known.relname as name, n_live_tup as rows
    from pg_stat_user_tables as known join pg_class on pg_class.oid = known.relid
    where schemaname = current_schema() and reltuples < 0
  `.execute(db)
  const grown = unknown.filter(({ rows }) => rows >= ROWS_MIN).map(({ name }) => name)
  for (const name of grown) await sql`analyze (skip_locked) ${sql.table(name)}`.execute(db)
  return unknown.every(({ name }) => grown.includes(name) || !TURN_TABLES.includes(name))
}
