import type { JsonObject } from './json.ts'
import type { ToolReturn } from './message.ts'

/** Numbers of one compaction. Tokens, and messages in the context. */
export type CompactionStats = {
  trigger: string
  contextTokensBefore: number | null
  contextTokensAfter: number | null
  contextWindow: number
  messagesCountBefore: number
  messagesCountAfter: number
}

/**
 * The JSON envelopes in which texts reach the model: two-space indent, keys in this order. Clients and stored rows of
 * the old server depend on the shape.
 */
export function packToolReturn(result: ToolReturn): string {
  if (Array.isArray(result.output)) throw new Error('parts are not packed')
  return pretty({
    status: result.status === 'success' ? 'OK' : 'Failed',
    message: result.output,
    time: result.time,
  })
}

/** The nudge of the loop itself: the model reads it as a user's message, people never see it. */
export function packHeartbeat(reason: string, time: string): string {
  return pretty({ type: 'heartbeat', reason, time })
}

export function packSummary(text: string, time: string, stats: CompactionStats | null): string {
  return pretty({
    type: 'system_alert',
    message: text,
    time,
    ...(stats && { compaction_stats: statsToWire(stats) }),
  })
}

export function statsToWire(stats: CompactionStats): JsonObject {
  return {
    trigger: stats.trigger,
    context_tokens_before: stats.contextTokensBefore,
    context_tokens_after: stats.contextTokensAfter,
    context_window: stats.contextWindow,
    messages_count_before: stats.messagesCountBefore,
    messages_count_after: stats.messagesCountAfter,
  }
}

/** The object inside an envelope, or undefined for ordinary text. */
export function unpack(text: string): JsonObject | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as JsonObject)
      : undefined
  } catch {
    return undefined
  }
}

/** Whether a user-role text is the loop's own heartbeat. */
export function isHeartbeat(text: string): boolean {
  return unpack(text)?.type === 'heartbeat'
}

function pretty(value: JsonObject): string {
  return JSON.stringify(value, null, 2).replaceAll('\\u0000', '')
}
