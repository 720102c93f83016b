import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import pg from 'pg'
import { type ConnectionOptions, dbOf, openPool } from './connection.ts'
import * as init from './migrations/0001_init.ts'
import type { Database, Db } from './schema.ts'

const MIGRATIONS: Record<string, Migration> = { '0001_init': init }

/** Opens a database whose schema is up to date. Close with `db.destroy()`. */
export function openDatabase(options: ConnectionOptions): Db {
  return dbOf(openPool(options))
}

/** Brings the database to the newest schema. Many processes may do so at once: one migrates, the others wait. */
export async function migrate(connectionString: string): Promise<void> {
  const pool = new pg.Pool({ connectionString, max: 2, statement_timeout: 0 })
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: async () => MIGRATIONS } })
    const { error } = await migrator.migrateToLatest()
    if (error) throw new Error('cannot bring the database to the newest schema', { cause: error })
    await createDefaults(db)
  } finally {
    await db.destroy()
  }
}

/** The organisation and user that a server without others works for. */
async function createDefaults(db: Db): Promise<void> {
  await sql`
    insert into organizations (id, name) values ('org-00000000-0000-4000-8000-000000000000', 'default_org')
    on conflict do nothing
  `.execute(db)
  await sql`
    insert into users (id, organization_id, name) values
      ('user-00000000-0000-4000-8000-000000000000', 'org-00000000-0000-4000-8000-000000000000', 'default_user')
    on conflict do nothing
  `.execute(db)
}
