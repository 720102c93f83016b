import { shortCallId } from './encode-prompt.ts'
import { isOpenAiReasoner, tierOf } from './model-facts.ts'
import { versionedUrl } from './settings.ts'
import { wholeCompletion } from './whole/completion.ts'
import { isStrictFormat, openAiCache, plainUsage, responseFormatOf, type Wire } from './wires.ts'

/** OpenAI chat completions, for OpenAI's own models. https://platform.openai.com/docs/api-reference/chat */
export const openAiChat: Wire = {
  async open(settings, model, fetch) {
    const { createOpenAI } = await import('@ai-sdk/openai')
    return createOpenAI({ apiKey: settings.apiKey ?? 'none', baseURL: versionedUrl(settings), fetch }).chat(
      tierOf(model).model,
    )
  },

  dialect: () => ({
    reasoning: () => [],
    imagesInResults: 'of_none',
    systemAnywhere: true,
    strictTools: true,
    marksFailures: false,
    callId: shortCallId,
  }),

  options(request) {
    const { config } = request
    const reasons = isOpenAiReasoner(config.model)
    return {
      ...(!reasons && config.temperature !== null && { temperature: config.temperature }),
      ...(config.frequency_penalty !== null && !reasons && { frequencyPenalty: config.frequency_penalty }),
      ...responseFormatOf(request),
      providerOptions: {
        openai: {
          ...(config.max_tokens !== null && { maxCompletionTokens: config.max_tokens }),
          ...(request.tools.length > 0 && !reasons && { parallelToolCalls: request.parallelToolCalls }),
          ...openAiCache(config),
          ...(tierOf(config.model).isFast && { serviceTier: 'priority' }),
          ...(request.user !== null && { user: request.user }),
          strictJsonSchema: isStrictFormat(request, false),
        },
      },
    }
  },

  usage: plainUsage,

  whole: wholeCompletion,
}
