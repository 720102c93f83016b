import type { LanguageModelV4Usage } from '@ai-sdk/provider'
import type { ModelRequest, Usage } from '../domain/model.ts'
import { type PromptDialect, shortCallId } from './encode-prompt.ts'
import { versionedUrl } from './settings.ts'
import { outputTokensMax, plainUsage, reported, responseFormatOf, type Wire } from './wires.ts'

/** Google generateContent. https://ai.google.dev/api/generate-content */
export const google: Wire = {
  async open(settings, model, fetch) {
    const { createGoogleGenerativeAI } = await import('@ai-sdk/google')
    return createGoogleGenerativeAI({
      apiKey: settings.apiKey ?? 'none',
      baseURL: versionedUrl(settings),
      fetch,
    })(model)
  },

  dialect: () => GOOGLE_DIALECT,

  options(request) {
    const { config } = request
    return {
      maxOutputTokens: outputTokensMax(request),
      ...(config.temperature !== null && { temperature: config.temperature }),
      // Gemini 2.5 takes a schema for its answer or tools, not both.
      ...(request.tools.length === 0 && responseFormatOf(request)),
      providerOptions: { google: { thinkingConfig: thinkingOf(request) } },
    }
  },

  argumentsAreObjects: true,

  usage: googleUsage,
}

export const GOOGLE_DIALECT: PromptDialect = {
  reasoning(part) {
    if (part.type !== 'reasoning') return []
    const signature = part.signature === undefined ? {} : { thoughtSignature: part.signature }
    return [{ text: part.reasoning, options: { google: signature } }]
  },
  textOptions: (signature) => ({ google: { thoughtSignature: signature } }),
  callOptions: (signature) => ({ google: { thoughtSignature: signature } }),
  imagesInResults: true,
  marksFailures: false,
  callId: shortCallId,
}

function thinkingOf({ config }: ModelRequest) {
  if (/^gemini-3/.test(config.model)) return { includeThoughts: true }
  const least = /2\.5-pro/.test(config.model) ? 128 : 0
  const thinkingBudget = config.enable_reasoner ? Math.max(config.max_reasoning_tokens, least) : least
  return { thinkingBudget, includeThoughts: thinkingBudget > 1 }
}

/** What Google calls candidates is the answer without the thinking, which it counts apart. */
function googleUsage(usage: LanguageModelV4Usage): Usage {
  const { raw } = usage
  const prompt = reported(raw, 'promptTokenCount')
  if (prompt === undefined) return plainUsage(usage)
  const completion = reported(raw, 'candidatesTokenCount') ?? 0
  const cachedInput = reported(raw, 'cachedContentTokenCount')
  const reasoning = reported(raw, 'thoughtsTokenCount')
  return {
    prompt,
    completion,
    total: reported(raw, 'totalTokenCount') ?? prompt + completion,
    ...(cachedInput !== undefined && { cachedInput }),
    ...(reasoning !== undefined && { reasoning }),
  }
}
