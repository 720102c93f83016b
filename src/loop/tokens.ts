import type { Message, UserPart } from '../domain/message.ts'
import { textOf, toolCallsOf } from '../domain/message.ts'
import type { ToolSpec, Usage } from '../domain/model.ts'
import { returnChars } from './turn-history.ts'

const BYTES_PER_TOKEN = 4
/** What an image is taken for, in tokens. */
const IMAGE_TOKENS = 1_000
/** An estimate errs on the safe side until the provider has reported what its own count is. */
const CALIBRATION_DEFAULT = 1.3

/** Tokens of messages and tools, roughly: bytes over four, times what experience with this agent has shown. */
export function estimateTokens(messages: Message[], tools: ToolSpec[], calibration: number | null): number {
  return Math.ceil(rawTokensOf(messages, tools) * (calibration ?? CALIBRATION_DEFAULT))
}

/** Tokens as counted by rule of thumb, without calibration. */
export function rawTokensOf(messages: Message[], tools: ToolSpec[]): number {
  const ofTools = tools.length > 0 ? tokensOfText(JSON.stringify(tools)) : 0
  return messages.reduce((sum, message) => sum + rawTokens(message), ofTools)
}

function rawTokens(message: Message): number {
  const overhead = 4
  switch (message.role) {
    case 'user':
      return overhead + tokensOfParts(message.content)
    case 'system':
    case 'summary':
      return overhead + tokensOfText(textOf(message.content))
    case 'assistant':
    case 'approval_request': {
      const calls = toolCallsOf(message).reduce(
        (sum, call) => sum + tokensOfText(call.name + call.arguments) + 4,
        0,
      )
      return overhead + tokensOfText(JSON.stringify(message.content)) + calls
    }
    case 'tool':
      return message.returns.reduce((sum, result) => sum + overhead + tokensOfChars(returnChars(result)), 0)
    case 'approval_response':
      return 0
  }
}

function tokensOfParts(parts: UserPart[]): number {
  return parts.reduce((sum, part) => sum + (part.type === 'text' ? tokensOfText(part.text) : IMAGE_TOKENS), 0)
}

function tokensOfText(text: string): number {
  return tokensOfChars(Buffer.byteLength(text))
}

function tokensOfChars(chars: number): number {
  return Math.ceil(chars / BYTES_PER_TOKEN)
}

/**
 * How many tokens the provider counts per estimated one, learnt from a call whose usage it reported; null: nothing to
 * learn from. Bounded, so that one odd report cannot spoil the estimates.
 */
export function calibrationOf(usage: Usage, messages: Message[], tools: ToolSpec[]): number | null {
  const raw = rawTokensOf(messages, tools)
  if (usage.prompt <= 0 || raw <= 0) return null
  return Math.min(4, Math.max(0.25, usage.prompt / raw))
}

export function addUsage(a: Usage, b: Usage): Usage {
  const sum = (x: number | undefined, y: number | undefined) =>
    x === undefined && y === undefined ? undefined : (x ?? 0) + (y ?? 0)
  const cachedInput = sum(a.cachedInput, b.cachedInput)
  const cacheWrite = sum(a.cacheWrite, b.cacheWrite)
  const reasoning = sum(a.reasoning, b.reasoning)
  return {
    prompt: a.prompt + b.prompt,
    completion: a.completion + b.completion,
    total: a.total + b.total,
    ...(cachedInput !== undefined && { cachedInput }),
    ...(cacheWrite !== undefined && { cacheWrite }),
    ...(reasoning !== undefined && { reasoning }),
  }
}

export const USAGE_NONE: Usage = { prompt: 0, completion: 0, total: 0 }
