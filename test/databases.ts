import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { openDatabase } from '../src/store/open.ts'
import type { Db } from '../src/store/schema.ts'
import { withDatabase } from './global-setup.ts'

export type TestDatabase = {
  url: string
  /** For one that must be gone before the run ends; all are dropped then. */
  drop(): Promise<void>
}

/** Two copies of one template at once make the server wait, and give up after some seconds: they queue here instead. */
const COPYING = 4711

/** A database of one's own: a copy of the migrated template, which takes a twentieth of a second. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = inject('database')
  const name = `${template}_${randomBytes(5).toString('hex')}`
  await asAdmin(adminUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [COPYING])
    await client.query(`create database ${name} template ${template}`)
  })
  return {
    url: withDatabase(adminUrl, name),
    drop: () => asAdmin(adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`)),
  }
}

/**
 * What a server of its own process is told of its database: one on the server that TEST_DATABASE_URL names; without it
 * nothing, and the server brings its own.
 */
export async function databaseSettings(): Promise<{ DATABASE_URL?: string }> {
  return process.env.TEST_DATABASE_URL ? { DATABASE_URL: (await openTestDatabase()).url } : {}
}

/** A database of one's own, opened. */
export async function openTestDb(): Promise<Db> {
  const { url } = await openTestDatabase()
  return openDatabase({ connectionString: url, connectionsMax: 8 })
}

/** The lock ends with the connection, which ends whatever happens. */
async function asAdmin(adminUrl: string, act: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  await act(client).finally(() => client.end())
}
