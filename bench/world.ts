import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { type ServerProcess, startServerProcess } from '../test/server-process.ts'
import type { MockProcess } from './mock-process.ts'

export const MODEL = 'gpt-4o-mini'

/** A server process on a new, empty database, with the mock as its provider. */
export type World = {
  server: ServerProcess
  mock: MockProcess
  /** Where the data are; null: on a database server. */
  databaseUrl: string | null
  close(): Promise<void>
}

/** `adminUrl`: the database server to make the database on; null: the embedded one. */
export async function openWorld(
  mock: MockProcess,
  adminUrl: string | null,
  settings: Record<string, string> = {},
): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-bench-'))
  const database = adminUrl === null ? null : await createDatabase(adminUrl)
  const server = await startServerProcess({
    PERDURE_DATA_DIR: folder,
    PERDURE_LOG_LEVEL: 'warn',
    OPENAI_API_KEY: 'sk-bench',
    OPENAI_BASE_URL: `${mock.url}/v1`,
    ...(database && { DATABASE_URL: database.url }),
    ...settings,
  })
  return {
    server,
    mock,
    databaseUrl: database?.url ?? null,
    async close() {
      await server.stop()
      await database?.drop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A database of a name that nobody has, and how to drop it. */
export async function createDatabase(adminUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `perdure_bench_${randomBytes(5).toString('hex')}`
  await asAdmin(adminUrl, `create database ${name}`)
  const url = new URL(adminUrl)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => asAdmin(adminUrl, `drop database if exists ${name} with (force)`) }
}

async function asAdmin(adminUrl: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}
