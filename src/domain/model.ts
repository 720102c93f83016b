import type { ModelFailure } from './failure.ts'
import type { Json, JsonObject } from './json.ts'
import type { AssistantPart, ToolCall, UserPart } from './message.ts'

export type ResponseFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | { type: 'json_schema'; json_schema: JsonObject }

/**
 * Which model an agent uses and how: the old server's `llm_config`, in its own wire names, because it is stored and
 * shown whole. `http/schemas/llm-config.ts` fills the defaults.
 */
export type LlmConfig = {
  model: string
  display_name: string | null
  model_endpoint_type: string
  model_endpoint: string | null
  provider_name: string | null
  provider_category: 'base' | 'byok' | null
  model_wrapper: string | null
  /** Tokens. */
  context_window: number
  put_inner_thoughts_in_kwargs: boolean | null
  /** `<provider>/<model>`. */
  handle: string | null
  temperature: number | null
  /** Tokens of one answer. */
  max_tokens: number | null
  enable_reasoner: boolean
  reasoning_effort: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | null
  /** Tokens of thinking in one answer. */
  max_reasoning_tokens: number
  effort: 'low' | 'medium' | 'high' | 'max' | null
  frequency_penalty: number | null
  compatibility_type: 'gguf' | 'mlx' | null
  verbosity: 'low' | 'medium' | 'high' | null
  tier: string | null
  parallel_tool_calls: boolean | null
  response_format: ResponseFormat | null
  strict: boolean
  return_logprobs: boolean
  top_logprobs: number | null
  return_token_ids: boolean
  tool_call_parser: string | null
}

export type EmbeddingConfig = {
  embedding_endpoint_type: string
  embedding_endpoint: string | null
  embedding_model: string
  embedding_dim: number
  embedding_chunk_size: number | null
  handle: string | null
  batch_size: number
  azure_endpoint: string | null
  azure_version: string | null
  azure_deployment: string | null
}

/** What a model is told about a tool. `parameters` is a JSON Schema of type object. `isClients`: the client runs it. */
export type ToolSpec = { name: string; description: string; parameters: JsonObject; isClients?: true }

/** A result as the model reads it: text (an envelope), or text and images from a client. */
export type PromptToolResult = { callId: string; name: string; content: string | UserPart[]; failed: boolean }

/**
 * The conversation as providers take it: every call answered, every answer called for, ids unique.
 * `loop/to-prompt.ts` makes it from stored messages; each provider adapter only translates.
 */
export type PromptMessage =
  | { role: 'user'; content: UserPart[] }
  /** What the server or the app says in mid-conversation; in the user's place where a provider takes none there. */
  | { role: 'system'; text: string }
  /** `model`: who wrote it, so that an adapter knows whether its signatures may be sent. */
  | { role: 'assistant'; content: AssistantPart[]; toolCalls: ToolCall[]; model: string | null }
  | { role: 'tool'; results: PromptToolResult[] }

export type ToolChoice =
  | { type: 'auto' }
  | { type: 'required' }
  | { type: 'tool'; name: string }
  | { type: 'none' }

export type ModelRequest = {
  config: LlmConfig
  system: string
  messages: PromptMessage[]
  tools: ToolSpec[]
  toolChoice: ToolChoice
  parallelToolCalls: boolean
  /** Ask the provider for tokens as they come. False: one whole answer, where the provider can. */
  stream: boolean
  /** Who asks, for providers that want to know. */
  user: string | null
}

/**
 * Tokens as the provider counted them. Undefined: not reported; 0: reported as zero.
 * `prompt` includes what was read from or written to a cache.
 */
export type Usage = {
  prompt: number
  completion: number
  total: number
  cachedInput?: number
  cacheWrite?: number
  reasoning?: number
}

/** `paused`: the provider has stopped in the middle, and goes on when it is asked again. */
export type FinishReason = 'stop' | 'paused' | 'length' | 'tool_calls' | 'content_filter' | 'unknown'

/** A piece of the answer, for showing only. The whole answer follows. */
export type ModelDelta =
  | { type: 'text_delta'; text: string }
  | { type: 'reasoning_delta'; text: string; signature?: string }
  | { type: 'reasoning_hidden'; state: 'redacted' | 'omitted'; data: string | null }
  /** First of a call: `name` and an empty `arguments`, or all at once. Later pieces carry `arguments` only. */
  | { type: 'tool_call_delta'; callId: string; name: string | null; arguments: string }

/** The provider's request and response as they went over the wire, without credentials. */
export type ModelTrace = { request: Json; response: Json }

export type ModelReply =
  | {
      ok: true
      content: AssistantPart[]
      toolCalls: ToolCall[]
      usage: Usage
      finish: FinishReason
      trace: ModelTrace | null
    }
  | { ok: false; failure: ModelFailure; trace: ModelTrace | null }

/**
 * One model call: yields pieces as they arrive, returns the whole answer.
 *
 * Contract:
 * - never throws for what the network or the provider did; that is `ok: false`
 * - stops soon after `signal` aborts, with failure kind `aborted`
 * - does not retry; the loop decides that
 * - nothing is yielded twice; the pieces of one kind, joined, are the returned part
 */
export interface Model {
  stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelDelta, ModelReply>
  /** The provider's request body that `stream` would send. Reaches nothing outside the process. */
  preview(request: ModelRequest): Promise<JsonObject>
  /** Tokens of a request as the provider counts them; null where it cannot tell. Never throws. */
  countTokens?(request: ModelRequest, signal: AbortSignal): Promise<number | null>
}

/** A model that a provider offers. */
export type ModelListing = {
  /** `<provider>/<model>`. */
  handle: string
  config: LlmConfig
}

export type EmbeddingListing = { handle: string; config: EmbeddingConfig }

/** Finds models by handle. A handle that is not listed is usable when its provider is configured. */
export interface ModelCatalog {
  /** Every provider that answers in time; one that fails is left out. Usable models first. */
  listModels(): Promise<ModelListing[]>
  listEmbeddings(): Promise<EmbeddingListing[]>
  /** Undefined: no provider of that name is configured. */
  findModel(handle: string): Promise<ModelListing | undefined>
  findEmbedding(handle: string): Promise<EmbeddingListing | undefined>
  /** The port that serves a config. Never throws: what cannot be served fails as a reply. */
  modelOf(config: LlmConfig): Model
}
