import { randomUUID } from 'node:crypto'
import type { JSONValue, LanguageModelV4ToolResultOutput, LanguageModelV4Usage } from '@ai-sdk/provider'
import { textOf, type UserPart } from '../domain/message.ts'
import type { ModelRequest, PromptToolResult, Usage } from '../domain/model.ts'
import { encodeResultPart, type PromptDialect, shortCallId } from './encode-prompt.ts'
import { versionedUrl } from './settings.ts'
import { wholeCandidate } from './whole/candidate.ts'
import { objectOf } from './whole/json.ts'
import { outputTokensMax, plainUsage, reported, responseFormatOf, type Wire } from './wires.ts'

/** Google generateContent. https://ai.google.dev/api/generate-content */
export const google: Wire = {
  async open(settings, model, fetch) {
    const { createGoogleGenerativeAI } = await import('@ai-sdk/google')
    return createGoogleGenerativeAI({
      apiKey: settings.apiKey ?? 'none',
      baseURL: versionedUrl(settings),
      fetch,
      // Google counts calls by their place; clients want ids.
      generateId: randomUUID,
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

  callArguments: 'object',

  usage: googleUsage,

  whole: wholeCandidate,

  /** Google takes these names in either spelling; its clients for Python, and whoever compares with them, know this one. */
  amend: (body) => {
    const { thinkingConfig, ...generationConfig } = objectOf(body.generationConfig)
    const { thinkingBudget, includeThoughts } = objectOf(thinkingConfig)
    const thinking = {
      ...(includeThoughts !== undefined && { include_thoughts: includeThoughts }),
      ...(thinkingBudget !== undefined && { thinking_budget: thinkingBudget }),
    }
    return { ...body, generationConfig: { ...generationConfig, thinkingConfig: thinking } }
  },
}

export const GOOGLE_DIALECT: PromptDialect = {
  reasoning(part) {
    if (part.type !== 'reasoning') return []
    const signature = part.signature === undefined ? {} : { thoughtSignature: part.signature }
    return [{ text: part.reasoning, options: { google: signature } }]
  },
  textOptions: (signature) => ({ google: { thoughtSignature: signature } }),
  callOptions: (signature) => ({ google: { thoughtSignature: signature } }),
  // Beside an image in a result the SDK tells the older models that the call has succeeded.
  imagesInResults: 'of_successes',
  result: googleResult,
  marksFailures: false,
  userSpeaksLast: true,
  callId: shortCallId,
}

/** An object, and images behind one text: each text would be an answer of its own, and a call has one. */
function googleResult(content: PromptToolResult['content']): LanguageModelV4ToolResultOutput {
  if (typeof content === 'string') return { type: 'json', value: resultObject(content.toWellFormed()) }
  const images = content.filter((part) => part.type === 'image')
  const parts: UserPart[] = [{ type: 'text', text: textOf(content) }, ...images]
  return { type: 'content', value: parts.map(encodeResultPart) }
}

function resultObject(text: string): JSONValue {
  try {
    const value = JSON.parse(text) as JSONValue
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Falls through: it is text.
  }
  return { function_response: text }
}

function thinkingOf({ config }: ModelRequest) {
  if (/^gemini-3/.test(config.model)) return { includeThoughts: true }
  const least = /2\.5-pro/.test(config.model) ? 128 : 0
  const thinkingBudget = config.enable_reasoner ? Math.max(config.max_reasoning_tokens, least) : least
  return { thinkingBudget, includeThoughts: thinkingBudget > 1 }
}

/**
 * What Google calls candidates is the answer without the thinking, which it counts apart. It leaves the cached part out
 * where there is none.
 */
function googleUsage(usage: LanguageModelV4Usage): Usage {
  const { raw } = usage
  const prompt = reported(raw, 'promptTokenCount')
  if (prompt === undefined) return plainUsage(usage)
  const completion = reported(raw, 'candidatesTokenCount') ?? 0
  const cachedInput = reported(raw, 'cachedContentTokenCount') ?? 0
  const reasoning = reported(raw, 'thoughtsTokenCount')
  return {
    prompt,
    completion,
    total: reported(raw, 'totalTokenCount') ?? prompt + completion,
    cachedInput,
    ...(reasoning !== undefined && { reasoning }),
  }
}
