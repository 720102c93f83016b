import type {
  JSONObject,
  JSONSchema7,
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4Usage,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider'
import type { Json, JsonObject } from '../domain/json.ts'
import type { LlmConfig, ModelRequest, Usage } from '../domain/model.ts'
import type { PromptDialect } from './encode-prompt.ts'
import { cachesForADay } from './model-facts.ts'
import { isOpenAiUrl, type ProviderSettings } from './settings.ts'

export type Fetch = typeof globalThis.fetch

/** Options of a call; undefined is the same as absent. */
export type CallOptions = {
  [Name in keyof Omit<LanguageModelV4CallOptions, 'prompt'>]?: LanguageModelV4CallOptions[Name] | undefined
} & { providerOptions?: SharedV4ProviderOptions }

/** One wire format: how its SDK model is opened, and what it does in its own way. One file each. */
export type Wire = {
  open(settings: ProviderSettings, model: string, fetch: Fetch): Promise<LanguageModelV4>
  dialect(request: ModelRequest): PromptDialect
  /** What of a call is the provider's own: limits, temperature, thinking, parallel calls. */
  options(request: ModelRequest): CallOptions
  usage(usage: LanguageModelV4Usage): Usage
  /** The pieces of a streamed answer as the whole that the provider answers when it does not stream. */
  whole(pieces: Json[]): Json
  /** What the SDK has no option for: the body that is sent, made from the SDK's. */
  amend?(body: JsonObject, request: ModelRequest): JsonObject
  /** Its answers are no server-sent events: their pieces are those that the SDK shows. */
  hasOwnFraming?: true
  /** How a call's arguments come; text unless it says otherwise. */
  callArguments?: 'object' | 'object_in_pieces'
}

/** The SDK's own sums, where they are what the provider reported. */
export function plainUsage(usage: LanguageModelV4Usage): Usage {
  const { inputTokens, outputTokens } = usage
  const prompt = inputTokens.total ?? 0
  const completion = outputTokens.total ?? 0
  return {
    prompt,
    completion,
    total: prompt + completion,
    ...(inputTokens.cacheRead !== undefined && { cachedInput: inputTokens.cacheRead }),
    ...(inputTokens.cacheWrite !== undefined && { cacheWrite: inputTokens.cacheWrite }),
    ...(outputTokens.reasoning !== undefined && { reasoning: outputTokens.reasoning }),
  }
}

/** A number somewhere in the provider's own report; undefined: it is not there. */
export function reported(raw: JSONObject | undefined, ...path: string[]): number | undefined {
  let value: unknown = raw
  for (const key of path)
    value = typeof value === 'object' && value !== null ? (value as JSONObject)[key] : undefined
  return typeof value === 'number' ? value : undefined
}

export function outputTokensMax(request: ModelRequest): number | undefined {
  return request.config.max_tokens ?? undefined
}

/** Structured output as the SDK takes it. */
export function responseFormatOf(request: ModelRequest): Pick<CallOptions, 'responseFormat'> {
  const format = request.config.response_format
  if (format?.type === 'json_object') return { responseFormat: { type: 'json' } }
  if (format?.type !== 'json_schema') return {}
  const { schema, name, description } = format.json_schema as NamedSchema
  return {
    responseFormat: {
      type: 'json',
      ...(schema && { schema: schema as JSONSchema7 }),
      ...(description !== undefined && { description }),
      name: name ?? 'response_schema',
    },
  }
}

type NamedSchema = { schema?: object; name?: string; description?: string; strict?: boolean }

/** Whether an answer must keep to its schema to the letter: as the schema says, else as the API takes one that is silent. */
export function isStrictFormat({ config }: ModelRequest, silent: boolean): boolean {
  const format = config.response_format
  if (format?.type !== 'json_schema') return silent
  return (format.json_schema as NamedSchema).strict ?? silent
}

/** How long a prompt stays in the cache, of OpenAI's own service alone: whoever speaks its format may refuse the field. */
export function openAiCache({ model, model_endpoint }: LlmConfig): { promptCacheRetention?: '24h' } {
  return isOpenAiUrl(model_endpoint) && cachesForADay(model) ? { promptCacheRetention: '24h' } : {}
}
