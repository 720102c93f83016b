import type { ModelRequest } from '../domain/model.ts'
import { shortCallId } from './encode-prompt.ts'
import type { ProviderKind } from './settings.ts'
import { versionedUrl } from './settings.ts'
import { wholeCompletion } from './whole/completion.ts'
import { outputTokensMax, plainUsage, responseFormatOf, type Wire } from './wires.ts'

/** What a server that speaks OpenAI's chat format can do of it. */
type Capabilities = {
  parallelToolCalls: boolean
  structuredOutput: boolean
  temperature: boolean
  /** A call can be forced by the tool's name; otherwise only that there is one. */
  forcesByName: boolean
  /** The model's own thinking may go back to it within a turn. */
  echoesReasoning: boolean
}

const FULL: Capabilities = {
  parallelToolCalls: true,
  structuredOutput: true,
  temperature: true,
  forcesByName: true,
  echoesReasoning: false,
}
const LOCAL: Capabilities = { ...FULL, parallelToolCalls: false, forcesByName: false }

const CAPABILITIES: Partial<Record<ProviderKind, Capabilities>> = {
  deepseek: { ...FULL, structuredOutput: false, echoesReasoning: true },
  groq: { ...FULL, forcesByName: false },
  xai: { ...FULL, structuredOutput: false },
  together: { ...FULL, forcesByName: false },
  openrouter: { ...FULL, forcesByName: false },
  mistral: { ...FULL, forcesByName: false },
  ollama: LOCAL,
  lmstudio_openai: LOCAL,
  vllm: LOCAL,
}

/** Everything that speaks OpenAI's chat format and is not OpenAI: hosted, routed, or on the user's own machine. */
export function compatibleWire(kind: ProviderKind): Wire {
  const can = CAPABILITIES[kind] ?? FULL
  return {
    async open(settings, model, fetch) {
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible')
      const provider = createOpenAICompatible({
        name: 'compatible',
        baseURL: versionedUrl(settings),
        includeUsage: true,
        supportsStructuredOutputs: can.structuredOutput,
        ...(settings.apiKey !== null && { apiKey: settings.apiKey }),
        fetch,
      })
      return provider.chatModel(model)
    },

    dialect: () => ({
      reasoning: (part) =>
        can.echoesReasoning && part.type === 'reasoning' ? [{ text: part.reasoning, options: {} }] : [],
      imagesInResults: false,
      marksFailures: false,
      callId: shortCallId,
    }),

    options(request) {
      const { config } = request
      return {
        maxOutputTokens: outputTokensMax(request),
        ...(can.temperature && config.temperature !== null && { temperature: config.temperature }),
        ...(can.structuredOutput && responseFormatOf(request)),
        ...choiceFor(request, can),
        providerOptions: {
          compatible: {
            ...(can.parallelToolCalls &&
              request.tools.length > 0 && { parallel_tool_calls: request.parallelToolCalls }),
          },
        },
      }
    },

    usage: plainUsage,

    whole: wholeCompletion,
  }
}

function choiceFor({ toolChoice, tools }: ModelRequest, can: Capabilities) {
  if (tools.length === 0 || toolChoice.type !== 'tool' || can.forcesByName) return {}
  return { toolChoice: { type: 'required' as const } }
}
