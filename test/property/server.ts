import { compactionDefaults } from '../../src/compaction-defaults.ts'
import type { ModelCatalog } from '../../src/domain/model.ts'
import { createApp } from '../../src/http/app.ts'
import { BODY_BYTES_MAX_DEFAULT, type HttpDeps } from '../../src/http/deps.ts'
import { engineEndpoints } from '../../src/http/engine-endpoints.ts'
import { compilePrompt } from '../../src/loop/prompt/compile-prompt.ts'
import { reasonsByDefault } from '../../src/providers/model-facts.ts'
import { deleteProcess } from '../../src/store/processes.ts'
import type { Db } from '../../src/store/schema.ts'
import { searchMessages } from '../../src/store/search-messages.ts'
import { createBuiltInTools } from '../../src/tools/index.ts'
import { createAgentPost } from '../../src/worker/agent-post.ts'
import type { EngineDeps, FaultPoint } from '../../src/worker/deps.ts'
import { openDoor } from '../../src/worker/door.ts'
import { FrameBuffer } from '../../src/worker/frame-buffer.ts'
import type { Observation } from '../../src/worker/observation.ts'
import { OrphanTools } from '../../src/worker/orphan-tools.ts'
import type { Queue } from '../../src/worker/queue.ts'
import { RunHub } from '../../src/worker/run-hub.ts'
import { SentNotes } from '../../src/worker/sent-notes.ts'
import { Worker } from '../../src/worker/worker.ts'
import { MODELS } from './models.ts'
import { Dead, MortalLease, Wire } from './mortal.ts'
import type { ScriptedModel } from './scripted-model.ts'
import type { Outside } from './tools.ts'
import type { Waits } from './waits.ts'

export const LEASE_MS = 30_000

/** What outlives a process: the database, the models, the world outside. */
export type Surroundings = {
  db: Db
  queue: Queue
  model: ScriptedModel
  outside: Outside
  waits: Waits
  observations: Observation[]
}

/** One life of the server's process, on a database that outlives it. */
export class Life {
  readonly deps: EngineDeps
  readonly worker: Worker
  readonly catalog: ModelCatalog
  readonly builtIns
  readonly lease: MortalLease
  readonly wire = new Wire()
  /** Aborts with the process: its clients lose their connections. */
  readonly connections = new AbortController()
  readonly #db: Db
  #fault: { point: FaultPoint; left: number } | null = null

  constructor(around: Surroundings) {
    const observe = (observation: Observation) => void around.observations.push(observation)
    this.#db = around.db
    const db = around.db.withPlugin(this.wire)
    this.lease = new MortalLease(around.db, observe, 'property test', LEASE_MS)
    this.catalog = catalogOf(around.model)
    const hub = new RunHub()
    this.builtIns = createBuiltInTools({
      searchMessages: (search, context) =>
        searchMessages(db, context.organizationId, context.agentId, search),
      post: createAgentPost(
        () => this.deps,
        () => this.worker,
      ),
    })
    const byName = new Map(this.builtIns.map(({ spec, tool }) => [spec.name, tool]))
    this.deps = {
      db,
      catalog: this.catalog,
      toolOf: ({ name }) => around.outside.toolOf(name, around.waits) ?? byName.get(name),
      hub,
      buffer: new FrameBuffer(db, observe, () => this.#pass('mid_flush')),
      sent: new SentNotes(db, observe),
      orphans: new OrphanTools(),
      queue: around.queue,
      door: openDoor(4),
      lease: this.lease,
      settings: {
        slotsMax: 4,
        waitingMax: 3,
        waitMs: 600_000,
        orphansMax: 32,
        attemptsMax: 3,
        trackLastRun: false,
        leaseMs: LEASE_MS,
      },
      observe,
      hasCredits: async () => true,
      fault: (point) => this.#pass(point),
    }
    this.worker = new Worker(this.deps)
  }

  async begin(): Promise<void> {
    await this.lease.start()
    this.worker.start()
  }

  get activeCount(): number {
    const { foreground, background } = this.worker.activeCounts
    return foreground + background
  }

  get isOver(): boolean {
    return this.wire.isCut
  }

  /** Dies at the nth passage of a fault point from now. */
  dieAt(point: FaultPoint, nth: number): void {
    this.#fault = { point, left: nth }
  }

  /** Nothing goes wrong from here on. */
  spare(): void {
    this.#fault = null
    this.wire.failOnce(0)
  }

  /** As `kill -9` does: nothing more is written, nobody is told. */
  die(): void {
    this.wire.isCut = true
    this.lease.die()
    this.connections.abort()
  }

  /** Releases what a dead process would have left to the operating system, and its place among the living. */
  async bury(): Promise<void> {
    await this.worker.stop(0)
    await this.lease.stop()
    await deleteProcess(this.#db, this.lease.id)
  }

  #pass(point: FaultPoint): void {
    if (this.isOver) throw new Dead('the process is dead')
    if (this.#fault?.point !== point) return
    this.#fault.left -= 1
    if (this.#fault.left > 0) return
    this.#fault = null
    this.die()
    throw new Dead(`the process died at ${point}`)
  }
}

function catalogOf(model: ScriptedModel): ModelCatalog {
  return {
    listModels: async () => MODELS,
    listEmbeddings: async () => [],
    findModel: async (handle) => MODELS.find((listing) => listing.handle === handle),
    findEmbedding: async () => undefined,
    modelOf: () => model,
  }
}

/** The API in front of whichever life is on. Making it takes longer than a life lasts, so that it is made once. */
export function openApi(db: Db, current: () => Life) {
  const deps: HttpDeps = {
    db: db.withPlugin({
      transformQuery: (query) => current().wire.transformQuery(query),
      transformResult: (answer) => current().wire.transformResult(answer),
    }),
    get catalog() {
      return current().catalog
    },
    operations: {
      readyState: () => 'ok',
      isStopping: () => false,
      newTraceId: () => null,
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    },
    builtInTools: current().builtIns,
    observe: (observation) => current().deps.observe(observation),
    settings: {
      password: null,
      bodyBytesMax: BODY_BYTES_MAX_DEFAULT,
      corsOrigins: [],
      version: '0.16.8',
      sealKey: Buffer.alloc(32, 7),
      defaultModel: null,
      defaultEmbedding: null,
    },
    engine: {
      get deps() {
        return current().deps
      },
      get worker() {
        return current().worker
      },
      guard: { allow: [] },
      pingMs: 60_000,
      legacyRunCursors: false,
      refusesWithoutCredit: false,
    },
    compilePrompt,
    compactionDefaults,
    reasonsByDefault,
  }
  return createApp(deps, engineEndpoints(deps))
}
