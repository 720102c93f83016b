import { readConfig } from '../src/config.ts'
import type { Json } from '../src/domain/json.ts'
import { type RunningServer, startServer } from '../src/serve.ts'
import { openDatabase } from '../src/store/open.ts'
import type { Db } from '../src/store/schema.ts'
import type { Observation, Observe } from '../src/worker/observation.ts'
import { openTestDatabase } from './databases.ts'
import type { Answer } from './http-world.ts'
import { type MockLlm, startMockLlm } from './mock-llm/server.mjs'

/** The model that agents of these tests have; it does what the brackets in a message say (see `mock-llm/README.md`). */
export const MOCK_MODEL = 'openai-proxy/gpt-4o-mini'

export type ServerWorld = {
  url: string
  db: Db
  mock: MockLlm
  server: RunningServer
  observations: Observation[]
  /** Hear every observation as well. */
  listeners: Observe[]
  ask(method: string, path: string, body?: Json, headers?: Record<string, string>): Promise<Answer>
  /** An agent with the mock's model; returns its id. */
  createAgent(more?: Record<string, Json>): Promise<string>
  close(): Promise<void>
}

/** A whole server in this process, with a database of its own and a model that says its lines. Settings as variables. */
export async function openServerWorld(settings: Record<string, string> = {}): Promise<ServerWorld> {
  const database = await openTestDatabase()
  const mock = await startMockLlm()
  const observations: Observation[] = []
  const listeners: Observe[] = []
  const env = {
    PERDURE_PORT: '0',
    PERDURE_DATABASE_CONNECTIONS: '6',
    PERDURE_OUTBOUND_ALLOW: '127.0.0.1',
    PERDURE_ENCRYPTION_KEY: 'a key for tests only',
    OPENAI_API_KEY: 'none',
    OPENAI_BASE_URL: `${mock.url}/v1`,
    DATABASE_URL: database.url,
    ...settings,
  }
  const server = await startServer(readConfig(env), env, (observation) => {
    observations.push(observation)
    for (const listen of listeners) listen(observation)
  })
  const db = openDatabase({ connectionString: database.url, connectionsMax: 2 })

  async function ask(method: string, path: string, body?: Json, headers: Record<string, string> = {}) {
    const response = await fetch(server.url + path, {
      method,
      headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }

  return {
    url: server.url,
    db,
    mock,
    server,
    observations,
    listeners,
    ask,
    createAgent: async (more = {}) =>
      (await ask('POST', '/v1/agents/', { model: MOCK_MODEL, embedding: null, ...more })).body.id,
    async close() {
      await server.stop()
      await db.destroy()
      await mock.close()
    },
  }
}
