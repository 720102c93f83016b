import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { openEmbedded } from '../src/store/embedded/open-embedded.ts'
import { migrate } from '../src/store/open.ts'
import { buildReplica } from './soak/built-replica.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Where test databases are made, and the template that they are copies of. */
    database: { adminUrl: string; template: string }
  }
}

/**
 * One PostgreSQL for the whole run: the embedded one, or the server that TEST_DATABASE_URL names. It gets a migrated
 * template; each test file works on a copy of its own (see `databases.ts`).
 */
export async function setup(project: TestProject) {
  const given = process.env.TEST_DATABASE_URL
  const dir = given ? null : await mkdtemp(join(tmpdir(), 'perdure-test-'))
  const server = dir ? await openEmbedded(dir) : null
  const adminUrl = server?.connectionString ?? given ?? ''
  // Of one length, so that no run's name begins with another's: they may share a server.
  const template = `perdure_test_${randomBytes(4).toString('hex')}`
  await run(adminUrl, `create database ${template}`)
  await Promise.all([migrate(withDatabase(adminUrl, template)), buildReplica()])
  project.provide('database', { adminUrl, template })
  return async () => {
    await dropTestDatabases(adminUrl, template)
    await server?.stop()
    if (dir) await rm(dir, { recursive: true, force: true })
  }
}

async function dropTestDatabases(adminUrl: string, template: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  const { rows } = await client.query<{ datname: string }>(
    'select datname from pg_database where datname like $1',
    [`${template}%`],
  )
  for (const { datname } of rows) await client.query(`drop database if exists ${datname} with (force)`)
  await client.end()
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(statement)
  await client.end()
}

/** The same server, another database. Not by `URL`: a socket's has no host, which it refuses. */
export function withDatabase(url: string, name: string): string {
  return url.replace(/^(postgres(?:ql)?:\/\/[^/?]*)(?:\/[^?]*)?/, `$1/${name}`)
}
