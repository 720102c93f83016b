import { setImmediate as nextTurn } from 'node:timers/promises'
import { sql } from 'kysely'
import pg from 'pg'
import { DEFAULT_ORGANIZATION, newId } from '../../src/domain/id.ts'
import { dbOf, openPool } from '../../src/store/connection.ts'
import type { Db } from '../../src/store/schema.ts'
import type { Observation } from '../../src/worker/observation.ts'
import { Queue } from '../../src/worker/queue.ts'
import { ScriptedModel } from './scripted-model.ts'
import { LEASE_MS, Life, openApi, type Surroundings } from './server.ts'
import { CUSTOM_TOOLS, Outside, PARAMETERS } from './tools.ts'
import { Waits } from './waits.ts'

export const ORGANIZATION = DEFAULT_ORGANIZATION

/** A pause after which the engine should long have come to rest, in milliseconds. */
const REST_MS = 60_000
/** Turns of the event loop without anything under way that count as rest. */
const QUIET_TURNS = 4

/** A database with the engine on it, for one story after another. */
export class World {
  readonly db: Db
  readonly observations: Observation[] = []
  outside = new Outside()
  waits = new Waits()
  model = new ScriptedModel(this.waits)
  readonly #pool
  readonly #queue: Queue
  readonly #app
  #life: Life

  private constructor(connectionString: string) {
    this.#pool = openPool({ connectionString, connectionsMax: 8 })
    this.db = dbOf(this.#pool)
    this.#queue = new Queue(
      connectionString,
      (observation) => void this.observations.push(observation),
      LEASE_MS,
    )
    this.#life = new Life(this.#surroundings())
    this.#app = openApi(this.db, () => this.#life)
  }

  static async open(connectionString: string): Promise<World> {
    await hurry(connectionString)
    const world = new World(connectionString)
    await world.#queue.open()
    await createTools(world.db)
    await world.#life.begin()
    return world
  }

  get life(): Life {
    return this.#life
  }

  /** Before a story: nothing is left of the one before. */
  async reset(): Promise<void> {
    this.observations.length = 0
    this.outside = new Outside()
    this.waits = new Waits()
    this.model = new ScriptedModel(this.waits)
    this.kill()
    const over = { status: 'failed', stop_reason: 'error', holds_turn: false, lease_owner: null } as const
    await this.db
      .updateTable('runs')
      .set({ ...over, completed_at: sql<string>`now()` })
      .where('status', 'in', ['created', 'running'])
      .execute()
    await this.#replaceLife()
  }

  /** Asks the API. The connection is cut when `gone` aborts or the process dies. */
  async fetch(method: string, path: string, body: unknown, gone: AbortSignal): Promise<Response> {
    const init = {
      method,
      signal: AbortSignal.any([gone, this.#life.connections.signal]),
      headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    }
    return this.#app.fetch(new Request(`http://perdure${path}`, init))
  }

  /** For what is not under test: asks, and takes nothing but success. */
  // biome-ignore lint/suspicious/noExplicitAny: what an API answers.
  async ask(method: string, path: string, body?: unknown): Promise<any> {
    const response = await this.fetch(method, path, body, new AbortController().signal)
    const answer: unknown = await response.json()
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`)
    return answer
  }

  async stop(): Promise<void> {
    this.#life.connections.abort()
    await this.#replaceLife()
  }

  kill(): void {
    this.#life.die()
  }

  /**
   * Waits until nothing happens any more by itself: every run has ended, waits its turn, or stands at a model or tool
   * that waits. A process that has died on the way is followed by the next one.
   */
  async rest(): Promise<void> {
    const deadline = Date.now() + REST_MS
    for (let quiet = 0; quiet < QUIET_TURNS; ) {
      await nextTurn()
      quiet = this.#isQuiet() ? quiet + 1 : 0
      if (quiet === 0) await new Promise((resolve) => setTimeout(resolve, 1))
      if (quiet === QUIET_TURNS && this.#life.isOver) {
        await this.#replaceLife()
        quiet = 0
      }
      if (Date.now() > deadline)
        throw new Error(`no rest: ${this.#life.activeCount} run(s), waiting: ${this.waits.what.join(', ')}`)
    }
  }

  #isQuiet(): boolean {
    const { totalCount, idleCount, waitingCount } = this.#pool
    return totalCount === idleCount && waitingCount === 0 && this.#life.activeCount <= this.waits.count
  }

  async #replaceLife(): Promise<void> {
    await this.#life.bury()
    this.#life = new Life(this.#surroundings())
    await this.#life.begin()
    await this.#life.worker.sweep()
  }

  #surroundings(): Surroundings {
    const { db, model, outside, waits, observations } = this
    return { db, model, outside, waits, observations, queue: this.#queue }
  }

  async close(): Promise<void> {
    await this.#life.bury()
    await this.#queue.stop(1_000)
    await this.db.destroy()
  }
}

/** No story survives the machine, so that no commit has to wait for its disk. */
async function hurry(connectionString: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  await client.query(`do $$ begin
    execute format('alter database %I set synchronous_commit = off', current_database());
  end $$`)
  await client.end()
}

async function createTools(db: Db): Promise<void> {
  const rows = Object.entries(CUSTOM_TOOLS).map(([name, tool]) => ({
    organization_id: ORGANIZATION,
    id: newId('tool'),
    name,
    tool_type: 'custom' as const,
    description: `Does ${name}.`,
    source_type: 'python',
    source_code: `def ${name}(): pass`,
    json_schema: JSON.stringify({ name, description: `Does ${name}.`, parameters: PARAMETERS }),
    enable_parallel_execution: tool.parallel,
  }))
  await db.insertInto('tools').values(rows).execute()
}
