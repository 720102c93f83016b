import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { type Config, readConfig } from '../src/config.ts'
import type { Json } from '../src/domain/json.ts'
import type { BuiltInTool, ToolContext } from '../src/domain/tool.ts'
import { type RunningServer, startServer } from '../src/serve.ts'
import { openDatabase } from '../src/store/open.ts'
import type { Db } from '../src/store/schema.ts'
import type { Observation } from '../src/worker/observation.ts'
import { openTestDatabase } from './databases.ts'
import { type MockLlm, startMockLlm } from './mock-llm/server.mjs'

// biome-ignore lint/suspicious/noExplicitAny: what the API answers is what a test expects of it.
type Body = any
export type Answer = { status: number; headers: Headers; body: Body }
export type StreamEvent = { event: string | null; data: Body }

export const MODEL = 'openai-proxy/gpt-4o-mini'

/** Servers on one database, in this process, with a model that says its lines: for what happens at once, or between two. */
export type Replicas = {
  db: Db
  databaseUrl: string
  mock: MockLlm
  /** Starts one more server. `settings` are environment variables. */
  start(settings?: Record<string, string>, tools?: BuiltInTool[]): Promise<Replica>
  close(): Promise<void>
}

export type Replica = {
  server: RunningServer
  observations: Observation[]
  ask(method: string, path: string, body?: Json, headers?: Record<string, string>): Promise<Answer>
  /** Sends to an agent and waits for the whole answer. */
  send(agentId: string, text: string): Promise<Answer>
  /** Sends and gets the run at once. */
  sendAsync(agentId: string, text: string): Promise<string>
  /** Sends, and reads the stream to its end. */
  stream(agentId: string, text: string, more?: Record<string, Json>): Promise<StreamEvent[]>
  createAgent(more?: Record<string, Json>): Promise<string>
  /** The run, once it has ended. */
  ended(runId: string): Promise<Body>
  status(runId: string): Promise<string>
  /** Stored messages of an agent, oldest first. */
  messages(agentId: string): Promise<Body[]>
  stop(): Promise<void>
}

export async function openReplicas(): Promise<Replicas> {
  const { url } = await openTestDatabase()
  const mock = await startMockLlm({ log: 5_000 })
  const db = openDatabase({ connectionString: url, connectionsMax: 4 })
  const folder = mkdtempSync(join(tmpdir(), 'perdure-replicas-'))
  const started: Replica[] = []
  return {
    db,
    databaseUrl: url,
    mock,
    async start(settings = {}, tools = []) {
      const config = readConfig({ ...settingsOf(settings.DATABASE_URL ?? url, folder), ...settings })
      const replica = await startReplica(config, mock.url, tools)
      started.push(replica)
      return replica
    },
    async close() {
      await Promise.all(started.map((replica) => replica.stop()))
      await mock.close()
      await db.destroy()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function settingsOf(databaseUrl: string, folder: string): Record<string, string> {
  return {
    DATABASE_URL: databaseUrl,
    PERDURE_PORT: '0',
    PERDURE_DATA_DIR: folder,
    // Many servers share one that takes a hundred connections.
    PERDURE_DATABASE_CONNECTIONS: '4',
    PERDURE_LEASE_MS: '3000',
    PERDURE_DRAIN_MS: '5000',
    PERDURE_OUTBOUND_ALLOW: '127.0.0.1',
  }
}

export function modelEnv(mockUrl: string): Record<string, string> {
  return { OPENAI_API_KEY: 'k', OPENAI_BASE_URL: `${mockUrl}/v1` }
}

async function startReplica(config: Config, mockUrl: string, tools: BuiltInTool[]): Promise<Replica> {
  const observations: Observation[] = []
  const server = await startServer(config, modelEnv(mockUrl), (seen) => void observations.push(seen), tools)
  let stopped = false
  return {
    ...clientOf(server.url),
    server,
    observations,
    async stop() {
      if (stopped) return
      stopped = true
      await server.stop()
    },
  }
}

/** What a test asks of a server, wherever it runs. */
export function clientOf(url: string) {
  const ask: Replica['ask'] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1', ...headers },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.startsWith('application/json')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
  const status = async (runId: string): Promise<string> => (await ask('GET', `/v1/runs/${runId}`)).body.status
  return {
    ask,
    status,
    send: (agentId: string, text: string) => ask('POST', `/v1/agents/${agentId}/messages`, { input: text }),
    async sendAsync(agentId: string, text: string): Promise<string> {
      return (await ask('POST', `/v1/agents/${agentId}/messages/async`, { input: text })).body.id
    },
    async stream(agentId: string, text: string, more: Record<string, Json> = {}) {
      const body = { input: text, streaming: true, ...more }
      const answer = await ask('POST', `/v1/agents/${agentId}/messages`, body)
      if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
      return eventsOf(answer.body)
    },
    async createAgent(more: Record<string, Json> = {}): Promise<string> {
      const answer = await ask('POST', '/v1/agents/', {
        model: MODEL,
        memory_blocks: [{ label: 'human', value: '' }],
        ...more,
      })
      if (answer.status !== 200) throw new Error(`no agent: ${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body.id
    },
    async ended(runId: string): Promise<Body> {
      return until(async () => {
        const { body } = await ask('GET', `/v1/runs/${runId}`)
        return ENDED.includes(body.status) ? body : undefined
      })
    },
    async messages(agentId: string): Promise<Body[]> {
      return (await ask('GET', `/v1/agents/${agentId}/messages?limit=1000&order=asc`)).body
    },
  }
}

export const ENDED = ['completed', 'failed', 'cancelled']

/** Events of a whole stream. */
export function eventsOf(text: string): StreamEvent[] {
  return text
    .split('\n\n')
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const fields = new Map(block.split('\n').map((line) => splitAt(line, ': ')))
      const data = fields.get('data') ?? ''
      return { event: fields.get('event') ?? null, data: data === '[DONE]' ? data : JSON.parse(data) }
    })
}

function splitAt(line: string, mark: string): [string, string] {
  const at = line.indexOf(mark)
  return [line.slice(0, at), line.slice(at + mark.length)]
}

/** Waits for a condition; what it waits for is what it returns. */
export async function until<Found>(
  find: () => Promise<Found | undefined | false> | Found | undefined | false,
  withinMs = 25_000,
): Promise<Found> {
  const start = Date.now()
  while (true) {
    const found = await find()
    if (found !== undefined && found !== false) return found
    if (Date.now() - start > withinMs) throw new Error(`it did not happen within ${withinMs} ms: ${find}`)
    await new Promise((done) => setTimeout(done, 20))
  }
}

/** A tool that acts outside: `act` is the outside. */
export function actingTool(
  name: string,
  act: (context: ToolContext) => Promise<string> | string,
  options: { idempotent?: boolean } = {},
): BuiltInTool {
  return {
    spec: {
      name,
      description: 'Acts on the world outside.',
      parameters: { type: 'object', properties: { note: { type: 'string' } }, required: [] },
    },
    toolType: 'letta_builtin',
    enableParallelExecution: true,
    tool: {
      effect: 'acts',
      idempotent: options.idempotent ?? false,
      run: async (_args, context) => ({ ok: true, output: await act(context) }),
    },
  }
}

/** Ends the lease of a server's process while it lives on: to the others it is dead, and it does not know yet. */
export async function endLease(db: Db, replica: Replica): Promise<void> {
  await sql`update processes set lease_until = now() where id = ${replica.server.engine.deps.lease.id}`.execute(
    db,
  )
}
