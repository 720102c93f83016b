import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { openEmbedded } from '../src/store/embedded/open-embedded.ts'
import { withDatabase } from '../test/global-setup.ts'

export type NewDatabase = { url: string; drop(): Promise<void> }

/** A database of a name that nobody has, empty. */
export async function createDatabase(adminUrl: string): Promise<NewDatabase> {
  const name = `perdure_bench_${randomBytes(5).toString('hex')}`
  await asAdmin(adminUrl, `create database ${name}`)
  return {
    url: withDatabase(adminUrl, name),
    drop: () => asAdmin(adminUrl, `drop database if exists ${name} with (force)`),
  }
}

async function asAdmin(adminUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

/** A PostgreSQL that databases are made on: the one given, or an embedded one of our own. */
export type DatabaseServer = {
  adminUrl: string
  /** For the files of servers that work on it. */
  folder: string
  stop(): Promise<void>
}

export async function openDatabaseServer(given: string | null): Promise<DatabaseServer> {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-bench-'))
  const embedded = given === null ? await openEmbedded(join(folder, 'database')) : null
  return {
    adminUrl: given ?? embedded?.connectionString ?? '',
    folder,
    async stop() {
      await embedded?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
