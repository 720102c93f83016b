import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import manifest from '../package.json' with { type: 'json' }
import { type ServerProcess, startServerProcess } from '../test/server-process.ts'
import { createDatabase } from './database-server.ts'
import type { MockProcess } from './mock-process.ts'

/** What `npm start` runs; its `exec` makes the shell the server, so that the process is the one to look at. */
const AS_USERS_START = ['sh', '-c', manifest.scripts.start]

export const MODEL = 'gpt-4o-mini'

/** Where requests go: to the server, and past it. */
export type Ends = { server: { url: string }; mock: { url: string } }

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
  const server = await startServerProcess(
    {
      PERDURE_DATA_DIR: folder,
      PERDURE_LOG_LEVEL: 'warn',
      OPENAI_API_KEY: 'sk-bench',
      OPENAI_BASE_URL: `${mock.url}/v1`,
      ...(database && { DATABASE_URL: database.url }),
      ...settings,
    },
    AS_USERS_START,
  )
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
