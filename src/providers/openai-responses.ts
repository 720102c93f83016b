import type { AssistantPart } from '../domain/message.ts'
import { shortCallId } from './encode-prompt.ts'
import { isOpenAiReasoner, tierOf } from './model-facts.ts'
import { versionedUrl } from './settings.ts'
import { wholeResponse } from './whole/response.ts'
import {
  isStrictFormat,
  openAiCache,
  outputTokensMax,
  plainUsage,
  responseFormatOf,
  type Wire,
} from './wires.ts'

/** OpenAI Responses, without state at OpenAI's. https://platform.openai.com/docs/api-reference/responses */
export const openAiResponses: Wire = {
  async open(settings, model, fetch) {
    const { createOpenAI } = await import('@ai-sdk/openai')
    return createOpenAI({
      apiKey: settings.apiKey ?? 'none',
      baseURL: versionedUrl(settings),
      fetch,
    }).responses(tierOf(model).model)
  },

  dialect: () => ({
    reasoning: reasoningItems,
    imagesInResults: 'of_all',
    systemAnywhere: true,
    strictTools: true,
    marksFailures: false,
    callId: shortCallId,
  }),

  options(request) {
    const { config } = request
    const reasons = isOpenAiReasoner(config.model)
    const effort = config.reasoning_effort
    return {
      maxOutputTokens: outputTokensMax(request),
      ...(!reasons && config.temperature !== null && { temperature: config.temperature }),
      ...responseFormatOf(request),
      providerOptions: {
        openai: {
          store: false,
          ...(reasons && { include: ['reasoning.encrypted_content'] }),
          ...(reasons &&
            effort !== null &&
            effort !== 'none' && { reasoningEffort: effort, reasoningSummary: 'detailed' }),
          ...(config.verbosity !== null &&
            /^gpt-5/.test(config.model) && { textVerbosity: config.verbosity }),
          ...openAiCache(config),
          ...(tierOf(config.model).isFast && { serviceTier: 'priority' }),
          parallelToolCalls: request.parallelToolCalls,
          ...(request.user !== null && { user: request.user }),
          strictJsonSchema: isStrictFormat(request, true),
        },
      },
    }
  },

  /** What it writes into a cache costs nothing here and is not told. */
  usage(usage) {
    const { cacheWrite: _, ...counted } = plainUsage(usage)
    return counted
  },

  whole: wholeResponse,
}

/** An item is its id, its summary in pieces, and the encrypted original: it goes back whole or not at all. */
function reasoningItems(part: Exclude<AssistantPart, { type: 'text' }>) {
  if (part.type !== 'summarized_reasoning') return []
  const options = { openai: { itemId: part.id, reasoningEncryptedContent: part.encryptedContent ?? null } }
  const pieces = part.summary.length > 0 ? part.summary : ['']
  return pieces.map((text) => ({ text, options }))
}
