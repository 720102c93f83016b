import type { Agent, CompactionMode, Scope } from '../domain/agent.ts'
import type { LlmConfig, ModelCatalog } from '../domain/model.ts'
import type { BuiltInTool } from '../domain/tool.ts'
import type { Db } from '../store/schema.ts'
import type { EngineDeps } from '../worker/deps.ts'
import type { Observe } from '../worker/observation.ts'
import type { OutboundGuard } from '../worker/outbound-guard.ts'
import type { Worker } from '../worker/worker.ts'

export type HttpSettings = {
  /** Null: everybody may ask. */
  password: string | null
  /** Bytes of one request's body. */
  bodyBytesMax: number
  /** Web pages that may call the API, besides the usual local ones. */
  corsOrigins: string[]
  /** What `GET /v1/health/` says; clients compare it. */
  version: string
  /** 32 bytes that secrets are sealed with. */
  sealKey: Buffer
  /** Used when a request names no model. Null: such a request is refused. */
  defaultModel: string | null
  defaultEmbedding: string | null
}

/** Uploads may have 50 MB; a message with a picture that large is longer as base64. */
export const BODY_BYTES_MAX_DEFAULT = 70 * 1024 * 1024

/** What runs are started, followed and ended with. */
export type EngineAccess = {
  deps: EngineDeps
  worker: Worker
  guard: OutboundGuard
  /** Silence after which a stream sends a ping, in milliseconds. */
  pingMs: number
  /** Run lists page in the old, inverted direction. */
  legacyRunCursors: boolean
  /** A request without credit is refused, instead of ending as a failed run. */
  refusesWithoutCredit: boolean
}

/** What the server says of itself to whoever runs it. */
export type Operations = {
  /** `ok`, or why the server should not be sent work now. */
  readyState(): string
  /** Nothing new is taken in. */
  isStopping(): boolean
  /** For a request that belongs to no trace; null: nobody traces. */
  newTraceId(): string | null
  /** The text that Prometheus scrapes. */
  metrics(): Promise<{ contentType: string; text: string }>
}

/** All that a route can reach. Made once, where the server is put together. */
export type HttpDeps = {
  db: Db
  catalog: ModelCatalog
  settings: HttpSettings
  observe: Observe
  engine: EngineAccess
  operations: Operations
  /** What stands in every organisation's list of tools. */
  builtInTools: BuiltInTool[]
  /** The system message of an agent in a scope, and a short name for all that it depends on. */
  compilePrompt(input: { agent: Agent; scope: Scope; now: Date }): { text: string; basis: string }
  /** The model and the prompt that summarise for an agent whose settings name none. */
  compactionDefaults(config: LlmConfig, mode: CompactionMode): { model: string | null; prompt: string }
  /** Whether a model thinks before it answers, unless it is told not to. */
  reasonsByDefault(model: string): boolean
}
