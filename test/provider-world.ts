import { randomBytes } from 'node:crypto'
import type { ToolCall } from '../src/domain/message.ts'
import type {
  LlmConfig,
  ModelCatalog,
  ModelDelta,
  ModelReply,
  ModelRequest,
  PromptMessage,
  ToolSpec,
} from '../src/domain/model.ts'
import { createCatalog } from '../src/providers/catalog.ts'
import { providersFromEnv } from '../src/providers/settings.ts'
import { type MockProcess, startMockProcess } from './mock-process.ts'

/** The four wire formats, each with a model that the mock serves in it. */
export const WIRES = {
  chat: { handle: 'openai-proxy/gpt-4o-mini', reasons: {} },
  responses: { handle: 'openai-proxy/gpt-5-mini', reasons: { reasoning_effort: 'low' } },
  anthropic: { handle: 'anthropic/claude-haiku-4-5', reasons: { max_reasoning_tokens: 2_000 } },
  google: { handle: 'google_ai/gemini-2.5-flash', reasons: { max_reasoning_tokens: 1_024 } },
} as const satisfies Record<string, { handle: string; reasons: Partial<LlmConfig> }>

export type WireName = keyof typeof WIRES
export const WIRE_NAMES = Object.keys(WIRES) as WireName[]

export type Said = { deltas: ModelDelta[]; reply: ModelReply }
export type Answered = Extract<ModelReply, { ok: true }>

export const LOOK_UP: ToolSpec = {
  name: 'look_up',
  description: 'Looks a word up.',
  parameters: { type: 'object', properties: { word: { type: 'string' } }, required: ['word'] },
}

/** The providers' adapters in front of the mock: what a test asks goes the whole way over HTTP and back. */
export type ProviderWorld = {
  mock: MockProcess
  catalog: ModelCatalog
  /** The config that a new agent with the model has, with changes. */
  configOf(handle: string, changes?: Partial<LlmConfig>): Promise<LlmConfig>
  ask(request: ModelRequest, signal?: AbortSignal): Promise<Said>
  close(): Promise<void>
}

export async function openProviderWorld(
  env: (url: string) => Record<string, string> = MOCKED,
): Promise<ProviderWorld> {
  const mock = await startMockProcess()
  const catalog = createCatalog(providersFromEnv(env(mock.url)))
  return {
    mock,
    catalog,
    async configOf(handle, changes) {
      const listing = await catalog.findModel(handle)
      if (!listing) throw new Error(`${handle} is not there`)
      return { ...listing.config, ...changes }
    },
    async ask(request, signal = new AbortController().signal) {
      const stream = catalog.modelOf(request.config).stream(request, signal)
      const deltas: ModelDelta[] = []
      for (;;) {
        const next = await stream.next()
        if (next.done) return { deltas, reply: next.value }
        deltas.push(next.value)
      }
    },
    close: () => mock.stop(),
  }
}

function MOCKED(url: string): Record<string, string> {
  return {
    OPENAI_API_KEY: 'k',
    OPENAI_BASE_URL: `${url}/v1`,
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: url,
    GEMINI_API_KEY: 'k',
    GEMINI_BASE_URL: url,
  }
}

/** A request with what tests rarely care about. */
export function requestOf(
  config: LlmConfig,
  messages: PromptMessage[],
  changes: Partial<ModelRequest> = {},
): ModelRequest {
  return {
    config,
    system: 'You are a test.',
    messages,
    tools: [],
    toolChoice: { type: 'auto' },
    parallelToolCalls: true,
    stream: true,
    user: 'user-1',
    ...changes,
  }
}

export function user(text: string): PromptMessage {
  return { role: 'user', content: [{ type: 'text', text }] }
}

/** An answer as it stands in the next request. */
export function answered(reply: ModelReply, model: string): PromptMessage {
  const { content, toolCalls } = okay(reply)
  return { role: 'assistant', content, toolCalls, model }
}

export function results(calls: ToolCall[], content = 'found'): PromptMessage {
  return {
    role: 'tool',
    results: calls.map(({ id, name }) => ({ callId: id, name, content, failed: false })),
  }
}

/** The answer, or what went wrong as an error that says so. */
export function okay(reply: ModelReply): Answered {
  if (!reply.ok) throw new Error(`${reply.failure.kind}: ${reply.failure.detail}`)
  return reply
}

/** A word that no other test uses: the mock tells requests apart by their text. */
export function unique(word: string): string {
  return `${word}-${randomBytes(4).toString('hex')}`
}

/** The pieces of one kind, joined. */
export function joined(deltas: ModelDelta[], type: 'text_delta' | 'reasoning_delta'): string {
  return deltas.map((delta) => (delta.type === type ? delta.text : '')).join('')
}
