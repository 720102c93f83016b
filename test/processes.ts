import { openDatabase } from '../src/store/open.ts'
import type { Db } from '../src/store/schema.ts'
import { openTestDatabase } from './databases.ts'
import { type MockLlm, startMockLlm } from './mock-llm/server.mjs'
import { clientOf, modelEnv, type Replica } from './replicas.ts'
import { type ServerProcess, startServerProcess } from './server-process.ts'
import { REPLICA } from './soak/built-replica.ts'
import { type Outside, openOutside } from './soak/outside.ts'

/** `process`: what can be done to it from outside. */
export type LivingReplica = Omit<Replica, 'server' | 'observations' | 'stop'> & { process: ServerProcess }

/** Servers on one database, each a process of its own: for what only a real signal can do to them. */
export type Processes = {
  db: Db
  mock: MockLlm
  outside: Outside
  /** `nodeOptions` come before the program. */
  start(settings?: Record<string, string>, nodeOptions?: string[]): Promise<LivingReplica>
  close(): Promise<void>
}

export async function openProcesses(): Promise<Processes> {
  const { url } = await openTestDatabase()
  const mock = await startMockLlm({ log: 5_000 })
  const outside = await openOutside()
  const db = openDatabase({ connectionString: url, connectionsMax: 3 })
  const started: ServerProcess[] = []
  return {
    db,
    mock,
    outside,
    async start(settings = {}, nodeOptions = []) {
      const server = await startServerProcess(
        {
          DATABASE_URL: url,
          PERDURE_DATABASE_CONNECTIONS: '4',
          PERDURE_LEASE_MS: '2000',
          PERDURE_OUTBOUND_ALLOW: '127.0.0.1',
          PERDURE_ENCRYPTION_KEY: 'a key for tests only',
          SOAK_OUTSIDE_URL: outside.url,
          ...modelEnv(mock.url),
          ...settings,
        },
        [process.execPath, ...nodeOptions, REPLICA],
      )
      started.push(server)
      return { ...clientOf(server.url), process: server }
    },
    async close() {
      await Promise.all(started.map((server) => server.kill()))
      await mock.close()
      await outside.close()
      await db.destroy()
    },
  }
}
