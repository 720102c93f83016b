import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { openDatabase } from '../src/store/open.ts'
import type { Db } from '../src/store/schema.ts'
import { withDatabase } from './global-setup.ts'

export type TestDatabase = { url: string; drop(): Promise<void> }

/** A database of one's own: a copy of the migrated template, which takes a twentieth of a second. */
export async function openTestDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = inject('database')
  const name = `${template}_${randomBytes(5).toString('hex')}`
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  // Copies of one template wait for each other; the server says so by an error when it takes too long.
  await client.query(`select pg_advisory_lock(4711)`)
  await client.query(`create database ${name} template ${template}`)
  await client.end()
  // Dropped with all others when the run ends: dropping one takes longer than making it.
  return { url: withDatabase(adminUrl, name), drop: async () => undefined }
}

/** The same, opened. */
export async function openTestDb(): Promise<Db> {
  const { url } = await openTestDatabase()
  return openDatabase({ connectionString: url, connectionsMax: 8 })
}
