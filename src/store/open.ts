import { Kysely, PostgresAdapter, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import { StartError } from '../domain/start-error.ts'
import { maskedUrl } from '../lib/masked-url.ts'
import { type ConnectionOptions, dbOf, openPool, surviveLoss } from './connection.ts'
import * as init from './migrations/0001_init.ts'
import * as unsuccessfulRuns from './migrations/0002_unsuccessful_runs.ts'
import type { Database, Db } from './schema.ts'

const MIGRATIONS: Record<string, Migration> = {
  '0001_init': init,
  '0002_unsuccessful_runs': unsuccessfulRuns,
}

/** Opens a database whose schema is up to date. Close with `db.destroy()`. */
export function openDatabase(options: ConnectionOptions): Db {
  return dbOf(openPool(options), options.sessions)
}

/** How long a database may take to accept the first connection, in milliseconds. */
const CONNECT_MS_MAX = 15_000

/**
 * Brings the database to the newest schema. Many processes may do so at once: one migrates, the others wait. Throws
 * StartError when it cannot be reached, or is somebody else's.
 */
export async function migrate(connectionString: string): Promise<void> {
  const pool = new pg.Pool({
    connectionString,
    max: 2,
    statement_timeout: 0,
    connectionTimeoutMillis: CONNECT_MS_MAX,
  })
  surviveLoss(pool)
  const db = new Kysely<Database>({ dialect: new MigrationDialect({ pool }) })
  try {
    await checkIsOurs(pool, maskedUrl(connectionString))
    await db.transaction().execute(async (tx) => {
      await sql`select pg_advisory_xact_lock(hashtext('perdure_migrations'))`.execute(tx)
      const migrator = new Migrator({ db: tx, provider: { getMigrations: async () => MIGRATIONS } })
      const { error } = await migrator.migrateToLatest()
      if (error) throw new Error('cannot bring the database to the newest schema', { cause: error })
      await createDefaults(tx)
    })
  } finally {
    await db.destroy()
  }
}

/**
 * Kysely's own lock of who migrates is the session's. A pooler may send what releases it to another session: it would be held
 * for ever, and no server could start. Here a lock of the whole transaction stands for it.
 */
class LocklessAdapter extends PostgresAdapter {
  override async acquireMigrationLock(): Promise<void> {}
  override async releaseMigrationLock(): Promise<void> {}
}

class MigrationDialect extends PostgresDialect {
  override createAdapter(): PostgresAdapter {
    return new LocklessAdapter()
  }
}

/** Looks before anything is written: the old server has tables of the same names. */
async function checkIsOurs(pool: pg.Pool, shownUrl: string): Promise<void> {
  const client = await pool.connect().catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(`The database ${shownUrl} cannot be used: ${reason}\nDATABASE_URL says where it is.`)
  })
  try {
    const { rows } = await client.query<{ is_foreign: boolean }>(
      `select to_regclass('kysely_migration') is null and to_regclass('agents') is not null as is_foreign`,
    )
    if (rows[0]?.is_foreign)
      throw new StartError(
        `The database ${shownUrl} has tables of another program. Perdure needs a database of its own: create an empty one, and name it in DATABASE_URL.`,
      )
  } finally {
    client.release()
  }
}

/** The organisation and user that a server without others works for. */
async function createDefaults(tx: Db): Promise<void> {
  await sql`
    insert into organizations (id, name) values ('org-00000000-0000-4000-8000-000000000000', 'default_org')
    on conflict do nothing
  `.execute(tx)
  await sql`
    insert into users (id, organization_id, name) values
      ('user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'default_user')
    on conflict do nothing
  `.execute(tx)
}
