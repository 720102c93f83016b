import { createHash } from 'node:crypto'
import type { LanguageModelV4 } from '@ai-sdk/provider'
import type { ModelRequest } from '../domain/model.ts'
import { shortCallId } from './encode-prompt.ts'
import type { ProviderKind, ProviderSettings } from './settings.ts'
import { versionedUrl } from './settings.ts'
import { wholeCompletion } from './whole/completion.ts'
import {
  type CallOptions,
  type Fetch,
  isStrictFormat,
  outputTokensMax,
  plainUsage,
  responseFormatOf,
  type Wire,
} from './wires.ts'

/** What a server that speaks OpenAI's chat format can do of it, and what it does in its own way. */
type Capabilities = {
  parallelToolCalls: boolean
  structuredOutput: boolean
  /** A call can be forced by the tool's name; otherwise only that there is one. */
  forcesByName: boolean
  /** The model's own thinking may go back to it within a turn. */
  echoesReasoning: boolean
  /** How hard the model is asked to think, where that can be said. */
  effort: (request: ModelRequest) => Record<string, unknown>
  callId: (id: string) => string
  /** The maker's own package, where it knows more than the common one. It goes by the name of the kind. */
  open?: (settings: ProviderSettings, model: string, fetch: Fetch) => Promise<LanguageModelV4>
}

const FULL: Capabilities = {
  parallelToolCalls: true,
  structuredOutput: true,
  forcesByName: true,
  echoesReasoning: false,
  effort: ({ config }) => (config.reasoning_effort ? { reasoningEffort: config.reasoning_effort } : {}),
  callId: shortCallId,
}
const LOCAL: Capabilities = { ...FULL, parallelToolCalls: false, forcesByName: false }

const CAPABILITIES: Partial<Record<ProviderKind, Capabilities>> = {
  deepseek: {
    ...FULL,
    parallelToolCalls: false,
    structuredOutput: false,
    echoesReasoning: true,
    async open(settings, model, fetch) {
      const { createDeepSeek } = await import('@ai-sdk/deepseek')
      return createDeepSeek(accessOf(settings, fetch))(model)
    },
  },
  groq: {
    ...FULL,
    forcesByName: false,
    async open(settings, model, fetch) {
      const { createGroq } = await import('@ai-sdk/groq')
      return createGroq(accessOf(settings, fetch))(model)
    },
  },
  mistral: {
    ...FULL,
    forcesByName: false,
    callId: nineLetters,
    async open(settings, model, fetch) {
      const { createMistral } = await import('@ai-sdk/mistral')
      return createMistral(accessOf(settings, fetch))(model)
    },
  },
  xai: { ...FULL, structuredOutput: false },
  together: { ...FULL, forcesByName: false },
  openrouter: { ...FULL, forcesByName: false, effort: routedEffort },
  ollama: LOCAL,
  lmstudio_openai: LOCAL,
  vllm: LOCAL,
}

/** Everything that speaks OpenAI's chat format and is not OpenAI: hosted, routed, or on the user's own machine. */
export function compatibleWire(kind: ProviderKind): Wire {
  const can = CAPABILITIES[kind] ?? FULL
  return {
    open: can.open ?? openCommon(can),

    dialect: () => ({
      reasoning: (part) =>
        can.echoesReasoning && part.type === 'reasoning' ? [{ text: part.reasoning, options: {} }] : [],
      imagesInResults: 'of_none',
      marksFailures: false,
      callId: can.callId,
    }),

    options(request) {
      const { config } = request
      return {
        maxOutputTokens: outputTokensMax(request),
        ...(config.temperature !== null && { temperature: config.temperature }),
        ...(can.structuredOutput && responseFormatOf(request)),
        ...choiceFor(request, can),
        providerOptions: optionsFor(kind, request, can),
      }
    },

    usage: plainUsage,

    whole: wholeCompletion,
  }
}

function openCommon({ structuredOutput }: Capabilities): Wire['open'] {
  return async (settings, model, fetch) => {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
    const { referer, title } = settings.extra
    const provider = createOpenAICompatible({
      name: 'compatible',
      baseURL: versionedUrl(settings),
      includeUsage: true,
      supportsStructuredOutputs: structuredOutput,
      ...(settings.apiKey !== null && { apiKey: settings.apiKey }),
      headers: { ...(referer && { 'http-referer': referer }), ...(title && { 'x-title': title }) },
      fetch,
    })
    return provider.chatModel(model)
  }
}

function accessOf(settings: ProviderSettings, fetch: Fetch) {
  return { apiKey: settings.apiKey ?? 'none', baseURL: versionedUrl(settings), fetch }
}

/** A maker's package has a name for the option; the common one passes on what it does not know. */
function optionsFor(
  kind: ProviderKind,
  request: ModelRequest,
  can: Capabilities,
): NonNullable<CallOptions['providerOptions']> {
  const parallel = can.parallelToolCalls && request.tools.length > 0
  const strictJsonSchema = isStrictFormat(request, false)
  if (can.open)
    return {
      [kind]: { strictJsonSchema, ...(parallel && { parallelToolCalls: request.parallelToolCalls }) },
    }
  return {
    compatible: {
      strictJsonSchema,
      ...(parallel && { parallel_tool_calls: request.parallelToolCalls }),
      ...(can.effort(request) as Record<string, string>),
    },
  }
}

function choiceFor({ toolChoice, tools }: ModelRequest, can: Capabilities) {
  if (tools.length === 0 || toolChoice.type !== 'tool' || can.forcesByName) return {}
  return { toolChoice: { type: 'required' as const } }
}

/** Mistral takes ids of exactly nine letters and digits. */
function nineLetters(id: string): string {
  if (/^[A-Za-z0-9]{9}$/.test(id)) return id
  return createHash('sha256').update(id).digest('hex').slice(0, 9)
}

/** OpenRouter has one setting for all models: an effort, or a number of tokens, or just that there is thinking. */
function routedEffort({ config }: ModelRequest): Record<string, unknown> {
  const { enable_reasoner, reasoning_effort, max_reasoning_tokens } = config
  if (reasoning_effort) return { reasoning: { effort: reasoning_effort } }
  if (!enable_reasoner || config.put_inner_thoughts_in_kwargs) return {}
  return { reasoning: max_reasoning_tokens > 0 ? { max_tokens: max_reasoning_tokens } : { enabled: true } }
}
