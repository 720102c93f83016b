import { compactionDefaults } from '../src/compaction-defaults.ts'
import type { Json } from '../src/domain/json.ts'
import type { LlmConfig, ModelCatalog, ModelListing } from '../src/domain/model.ts'
import { createApp } from '../src/http/app.ts'
import {
  BODY_BYTES_MAX_DEFAULT,
  type EngineAccess,
  type HttpDeps,
  type HttpSettings,
} from '../src/http/deps.ts'
import { engineEndpoints } from '../src/http/engine-endpoints.ts'
import { LlmConfig as LlmConfigSchema } from '../src/http/schemas/llm-config.ts'
import { compilePrompt } from '../src/loop/prompt/compile-prompt.ts'
import { reasonsByDefault } from '../src/providers/model-facts.ts'
import { unavailableModel } from '../src/providers/unavailable.ts'
import type { Db } from '../src/store/schema.ts'
import { createBuiltInTools } from '../src/tools/index.ts'
import type { Observation } from '../src/worker/observation.ts'
import { openTestDb } from './databases.ts'

/** An answer, read. `body` is what the JSON says, or the text where it is none. */
// biome-ignore lint/suspicious/noExplicitAny: what an API answers is what the test expects of it.
export type Answer = { status: number; headers: Headers; body: any }

export type HttpWorld = {
  db: Db
  observations: Observation[]
  /** Asks the API as a new client does, unless the headers say otherwise. */
  ask(method: string, path: string, body?: Json, headers?: Record<string, string>): Promise<Answer>
  /** For a client of its own. */
  fetch: typeof fetch
  /** The same with a text as the body. */
  send(method: string, path: string, text: string): Promise<Answer>
  close(): Promise<void>
}

/** The API on a database of its own, without an engine: for requests that run nothing. */
export async function openHttpWorld(settings: Partial<HttpSettings> = {}): Promise<HttpWorld> {
  const db = await openTestDb()
  const observations: Observation[] = []
  const deps = depsOf(db, observations, settings)
  const app = createApp(deps, engineEndpoints(deps))
  const request = async (
    method: string,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ) => {
    const init = {
      method,
      headers: { 'x-stainless-package-version': '1.12.1', ...headers },
      ...(body !== undefined && { body }),
    }
    return read(await app.request(path, init))
  }
  return {
    db,
    observations,
    fetch: async (input, init) => app.request(input instanceof Request ? input : String(input), init),
    ask: (method, path, body, headers) =>
      request(method, path, body === undefined ? undefined : JSON.stringify(body), headers),
    send: (method, path, text) => request(method, path, text),
    close: () => db.destroy(),
  }
}

async function read(response: Response): Promise<Answer> {
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.startsWith('application/json') ?? false
  return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
}

function depsOf(db: Db, observations: Observation[], settings: Partial<HttpSettings>): HttpDeps {
  return {
    db,
    catalog: CATALOG,
    settings: {
      password: null,
      bodyBytesMax: BODY_BYTES_MAX_DEFAULT,
      corsOrigins: [],
      version: '0.16.8',
      sealKey: Buffer.alloc(32, 7),
      defaultModel: null,
      defaultEmbedding: null,
      ...settings,
    },
    observe: (observation) => observations.push(observation),
    // Nothing is run in these tests, so nothing of it is reached.
    engine: {} as EngineAccess,
    operations: {
      readyState: () => 'ok',
      isStopping: () => false,
      newTraceId: () => null,
      metrics: async () => ({ contentType: 'text/plain', text: '' }),
    },
    builtInTools: createBuiltInTools({
      searchMessages: async () => [],
      post: { send: unreached, sendAsync: unreached, sendToTagged: unreached } as never,
    }),
    compilePrompt,
    compactionDefaults,
    reasonsByDefault,
  }
}

function unreached(): never {
  throw new Error('no tool runs in these tests')
}

const MODELS: ModelListing[] = [
  listing('openai-proxy/gpt-4o-mini', { context_window: 128_000, max_tokens: 16_384 }),
  listing('openai-proxy/gpt-5-mini', { context_window: 272_000, max_tokens: 16_384, verbosity: 'medium' }),
  listing('anthropic/claude-haiku-4-5', { context_window: 200_000, max_tokens: 8_192 }),
]

function listing(handle: string, facts: Partial<LlmConfig>): ModelListing {
  const [name = '', model = ''] = handle.split('/')
  const provider = name.replace('-proxy', '')
  const config = LlmConfigSchema.parse({
    model,
    display_name: model,
    model_endpoint_type: provider,
    provider_name: provider,
    provider_category: 'base',
    handle,
    context_window: 1,
    ...facts,
  })
  return { handle, config }
}

const EMBEDDING = {
  handle: 'openai/text-embedding-3-small',
  config: {
    embedding_endpoint_type: 'openai',
    embedding_endpoint: null,
    embedding_model: 'text-embedding-3-small',
    embedding_dim: 1_536,
    embedding_chunk_size: 300,
    handle: 'openai/text-embedding-3-small',
    batch_size: 32,
    azure_endpoint: null,
    azure_version: null,
    azure_deployment: null,
  },
}

const CATALOG: ModelCatalog = {
  listModels: async () => MODELS,
  listEmbeddings: async () => [EMBEDDING],
  findModel: async (handle) => MODELS.find((model) => model.handle === handle),
  findEmbedding: async (handle) => (handle === EMBEDDING.handle ? EMBEDDING : undefined),
  modelOf: (config) => unavailableModel(config.model),
}
