import type { ModelRequest, PromptMessage } from '../domain/model.ts'
import { type PromptDialect, shortCallId } from './encode-prompt.ts'
import {
  isClaudeReasoner,
  takesEffort,
  takesSchema,
  takesTemperature,
  thinksAdaptively,
} from './model-facts.ts'
import { versionedUrl } from './settings.ts'
import { wholeMessage } from './whole/message.ts'
import { outputTokensMax, plainUsage, responseFormatOf, type Wire } from './wires.ts'

/** The least that a thinking budget may be, in tokens. */
const BUDGET_MIN = 1_024
/** What an answer gets beside its thinking, in tokens. */
const ANSWER_MIN = 1_024
const OUTPUT_DEFAULT = 4_096

const CACHE = { anthropic: { cacheControl: { type: 'ephemeral' } } }

/** Anthropic Messages. https://docs.claude.com/en/api/messages */
export const anthropic: Wire = {
  async open(settings, model, fetch) {
    const { createAnthropic } = await import('@ai-sdk/anthropic')
    return createAnthropic({ apiKey: settings.apiKey ?? 'none', baseURL: versionedUrl(settings), fetch })(
      model,
    )
  },

  dialect: () => ANTHROPIC_DIALECT,

  options(request) {
    const { config } = request
    const thinking = thinkingOf(request)
    const budget = thinking?.type === 'enabled' ? thinking.budgetTokens : 0
    return {
      // The SDK adds the budget to the limit by itself; a limit that leaves nothing for the answer is raised.
      maxOutputTokens: Math.max((outputTokensMax(request) ?? OUTPUT_DEFAULT) - budget, ANSWER_MIN),
      ...(thinking === null &&
        takesTemperature(config.model) &&
        config.temperature !== null && { temperature: config.temperature }),
      ...(takesSchema(config.model) && responseFormatOf(request)),
      providerOptions: {
        anthropic: {
          ...(thinking && { thinking }),
          ...(takesEffort(config.model) && config.effort !== null && { effort: config.effort }),
          ...(request.tools.length > 0 && { disableParallelToolUse: !request.parallelToolCalls }),
          sendReasoning: true,
        },
      },
    }
  },

  callArguments: 'object_in_pieces',

  usage: plainUsage,

  whole: wholeMessage,

  /** The SDK leaves the temperature out where the model thinks; it is 1 then. */
  amend: (body, { config }) =>
    body.thinking && takesTemperature(config.model) ? { ...body, temperature: 1 } : body,
}

export const ANTHROPIC_DIALECT: PromptDialect = {
  reasoning(part) {
    switch (part.type) {
      case 'reasoning':
        return part.signature === undefined
          ? []
          : [{ text: part.reasoning, options: { anthropic: { signature: part.signature } } }]
      case 'redacted_reasoning':
        return [{ text: '', options: { anthropic: { redactedData: part.data } } }]
      case 'omitted_reasoning':
        return part.signature === undefined
          ? []
          : [{ text: '', options: { anthropic: { signature: part.signature } } }]
      case 'summarized_reasoning':
        return []
    }
  },
  // In the result of a call that failed it refuses all but text.
  imagesInResults: 'of_successes',
  marksFailures: true,
  userSpeaksLast: true,
  callId: (id) => shortCallId(id).replace(/[^A-Za-z0-9_-]/g, '_'),
  cache: CACHE,
}

type Thinking = { type: 'adaptive'; display: 'summarized' } | { type: 'enabled'; budgetTokens: number }

/** A forced call and thinking exclude each other. */
function thinkingOf({ config, toolChoice, messages }: ModelRequest): Thinking | null {
  const forced = toolChoice.type === 'tool' || toolChoice.type === 'required'
  if (!config.enable_reasoner || !isClaudeReasoner(config.model) || forced) return null
  if (thinksAdaptively(config.model)) return { type: 'adaptive', display: 'summarized' }
  if (!hasThought(messages, config.model)) return null
  return { type: 'enabled', budgetTokens: Math.max(config.max_reasoning_tokens, BUDGET_MIN) }
}

/**
 * Whether a turn that is still going on began with thinking of this model, or none is going on. One that another model
 * began is ended without thinking: with a budget, the provider refuses it otherwise.
 */
function hasThought(messages: PromptMessage[], model: string): boolean {
  let begun: Extract<PromptMessage, { role: 'assistant' }> | undefined
  // What a user says behind results stands in one message with them, and does not end the turn.
  let answered = false
  for (const message of messages.toReversed()) {
    if (message.role === 'tool') answered = true
    if (message.role !== 'assistant') continue
    if (!answered) break
    begun = message
    answered = false
  }
  if (!begun) return true
  const [first] = begun.content
  return (
    begun.model === model &&
    first !== undefined &&
    first.type !== 'text' &&
    ANTHROPIC_DIALECT.reasoning(first).length > 0
  )
}
