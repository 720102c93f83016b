import pg from 'pg'
import { sqlState } from './sql-state.ts'

/** `shared`: a pooler lends connections out for a transaction each, so that what one is told does not last. */
export type Sessions = 'own' | 'shared'

/**
 * What sessions of our own are told. All that is asked is a page or a row: compiling a plan, or sharing it among
 * processes, takes longer than running it.
 */
export const OWN_OPTIONS = '-c jit=off -c max_parallel_workers_per_gather=0'

/** Where a database is reached. */
export type DatabaseAddress = {
  url: string
  sessions: Sessions
  /** For what needs a connection that stays: the lease, notices and migrations. The same address when there is no other. */
  directUrl: string
  directSessions: Sessions
}

/** Finds out what is behind the address. */
export async function findAddress(url: string, directUrl: string | null): Promise<DatabaseAddress> {
  const sessions = await findSessions(url)
  return {
    url,
    sessions,
    directUrl: directUrl ?? url,
    directSessions: directUrl === null ? sessions : await findSessions(directUrl),
  }
}

/** `08P01`: a pooler takes no settings when a connection is made. One that ignores them tells by what it then has. */
async function findSessions(connectionString: string): Promise<Sessions> {
  const client = new pg.Client({
    connectionString,
    statement_timeout: 29_000,
    options: OWN_OPTIONS,
    connectionTimeoutMillis: 15_000,
  })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ setting: string }>(
      `select setting from pg_settings where name = 'statement_timeout'`,
    )
    return rows[0]?.setting === '29000' ? 'own' : 'shared'
  } catch (error) {
    if (sqlState(error) === '08P01') return 'shared'
    throw error
  } finally {
    // Not waited for: of a connection that was refused no end is told.
    client.end().catch(() => undefined)
  }
}
