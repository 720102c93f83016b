import { Kysely, PostgresDialect } from 'kysely'
import { createApp } from '../src/http/app.ts'
import type { HttpDeps } from '../src/http/deps.ts'
import { engineEndpoints } from '../src/http/engine-endpoints.ts'
import { openPool } from '../src/store/connection.ts'
import type { Database } from '../src/store/schema.ts'

type Statement = { sql: string; parameters: readonly unknown[] }

/** Prints how the database finds the answers to these requests: each statement that they make, with its plan. */
export async function printPlans(connectionString: string, paths: string[]): Promise<void> {
  const pool = openPool({ connectionString, connectionsMax: 2 })
  let made: Statement[] = []
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool }),
    log: ({ query }) => void made.push({ sql: query.sql, parameters: query.parameters }),
  })
  const deps = depsOf(db)
  const app = createApp(deps, engineEndpoints(deps))
  for (const path of paths) {
    made = []
    const { status } = await app.request(`/v1${path}`)
    console.log(`\n${path} (${status})`)
    for (const { sql, parameters } of made) {
      const { rows } = await pool.query(`explain (analyze, buffers) ${sql}`, [...parameters])
      console.log(`\n  ${sql}\n`)
      for (const row of rows) console.log(`  ${Object.values(row)[0]}`)
    }
  }
  await db.destroy()
}

/** What the lists reach: the same routes as the server's, on a database that tells what it is asked. */
function depsOf(db: Kysely<Database>): HttpDeps {
  const settings = {
    password: null,
    bodyBytesMax: 1_000_000,
    corsOrigins: [],
    version: '',
    sealKey: Buffer.alloc(32),
  }
  return {
    db,
    settings: { ...settings, defaultModel: null, defaultEmbedding: null },
    observe: () => undefined,
    engine: { legacyRunCursors: false },
    builtInTools: [],
  } as unknown as HttpDeps
}
