import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { readConfig } from '../../src/config.ts'
import type { AgentId } from '../../src/domain/id.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import { type RunningServer, startServer } from '../../src/serve.ts'
import { openDatabase } from '../../src/store/open.ts'
import type { Db } from '../../src/store/schema.ts'
import type { FaultPoint } from '../../src/worker/deps.ts'
import { openTestDatabase } from '../databases.ts'
import type { MockLlm } from '../mock-llm/server.mjs'
import { refusedByProviders, wrongInConversations } from '../property/check-conversations.ts'
import { wrongInRuns } from '../property/check-runs.ts'
import { readRecords } from '../property/records.ts'
import type { World } from '../property/world.ts'
import { clientOf, modelEnv, until } from '../replicas.ts'
import { type ServerProcess, startServerProcess } from '../server-process.ts'
import { REPLICA } from '../soak/built-replica.ts'
import { type Outside, openOutside } from '../soak/outside.ts'
import { outsideTools } from '../soak/outside-tools.ts'

const TOOLS = ['note_outside', 'note_by_key', 'core_memory_append']

export type Client = ReturnType<typeof clientOf> & { url: string }
/** Where the server kills itself, at the nth passage; or who kills it: a tool's call from outside, or the test. */
export type Death = `${FaultPoint}:${number}` | 'in_tool' | 'by_hand'

type Victim = Client & { process: ServerProcess }

/**
 * A server that will be killed, as a process of its own, and what comes after it: another server on the same database,
 * in this process. Both have tools that act on a world outside, which counts. What the clock would do to the lease of
 * the dead is done by hand.
 */
export class KilledServer {
  readonly db: Db
  readonly outside: Outside
  readonly #folder = mkdtempSync(join(tmpdir(), 'perdure-killed-'))
  readonly #settings: Record<string, string>
  readonly #modelEnv: Record<string, string>
  #victim: Victim | null = null
  #next: { server: RunningServer; client: Client } | null = null

  private constructor(databaseUrl: string, outside: Outside, mock: MockLlm) {
    this.db = openDatabase({ connectionString: databaseUrl, connectionsMax: 2 })
    this.outside = outside
    this.#modelEnv = modelEnv(mock.url)
    this.#settings = {
      DATABASE_URL: databaseUrl,
      PERDURE_PORT: '0',
      PERDURE_DATABASE_CONNECTIONS: '4',
      PERDURE_DATA_DIR: this.#folder,
      PERDURE_OUTBOUND_ALLOW: '127.0.0.1',
      PERDURE_CALLBACK_RETRY_S: '1',
      PERDURE_LOG_LEVEL: 'silent',
    }
  }

  static async start(
    mock: MockLlm,
    death: Death,
    settings: Record<string, string> = {},
  ): Promise<KilledServer> {
    const dieAtNote = () => death === 'in_tool' && void killed.victim.process.kill()
    const [{ url }, outside] = await Promise.all([openTestDatabase(), openOutside(dieAtNote)])
    const killed = new KilledServer(url, outside, mock)
    const fault: Record<string, string> = death.includes(':') ? { PERDURE_FAULT: death } : {}
    const env = {
      ...killed.#settings,
      ...killed.#modelEnv,
      SOAK_OUTSIDE_URL: outside.url,
      ...fault,
      ...settings,
    }
    const victim = await startServerProcess(env, [process.execPath, REPLICA])
    killed.#victim = { ...clientOf(victim.url), url: victim.url, process: victim }
    return killed
  }

  get victim(): Victim {
    if (!this.#victim) throw new Error('there is no server yet')
    return this.#victim
  }

  get next(): Client {
    if (!this.#next) throw new Error('there is no next server yet')
    return this.#next.client
  }

  createAgent(more: JsonObject = {}): Promise<string> {
    return this.victim.createAgent({
      tools: TOOLS,
      include_base_tools: false,
      include_base_tool_rules: false,
      parallel_tool_calls: true,
      ...more,
    })
  }

  /** Waits for the death of the first server, and starts the next one. */
  async restart(): Promise<Client> {
    await this.victim.process.ended
    await sql`update processes set lease_until = now()`.execute(this.db)
    const server = await startServer(
      readConfig(this.#settings),
      this.#modelEnv,
      () => undefined,
      outsideTools(this.outside.url),
    )
    const client = { ...clientOf(server.url), url: server.url }
    this.#next = { server, client }
    return client
  }

  /** The runs of an agent, oldest first, once all of them have ended. */
  async endedRuns(agentId: string): Promise<{ id: string; status: string; stop_reason: string }[]> {
    const client = this.#next?.client ?? this.victim
    return until(async () => {
      const { body } = await client.ask('GET', `/v1/runs/?agent_id=${agentId}&order=asc`)
      return body.every(({ completed_at }: { completed_at: string | null }) => completed_at) ? body : false
    })
  }

  /** What does not hold together in an agent's runs and history, or would be refused by a provider of any wire format. */
  async wrongIn(agentId: string): Promise<string[]> {
    const records = await readRecords(this.db, agentId as AgentId)
    const world = { db: this.db } as World
    return [
      ...wrongInConversations(records),
      ...(await wrongInRuns(world, records, new Set())),
      ...(await refusedByProviders(world, records, new Set())),
    ]
  }

  async close(): Promise<void> {
    await this.#victim?.process.kill()
    await this.#next?.server.stop()
    await this.db.destroy()
    await this.outside.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
