import type { CompactionSettings } from '../../domain/agent.ts'
import type { Message } from '../../domain/message.ts'
import { configOf } from '../offer-tools.ts'
import type { LoopState } from '../state.ts'
import { estimateTokens } from '../tokens.ts'

/** Share of the window above which a context is compacted. */
const TRIGGER_SHARE = 0.9
/** A context that could not be compacted is not tried again before it has grown by this share. */
const GROWTH_SHARE = 0.1

export const COMPACTION_DEFAULTS: CompactionSettings = {
  model: null,
  model_settings: null,
  prompt: null,
  prompt_acknowledgement: false,
  clip_chars: 50_000,
  mode: 'sliding_window',
  sliding_window_percentage: 0.3,
}

export function settingsOf(state: LoopState): CompactionSettings {
  return { ...COMPACTION_DEFAULTS, ...state.agent.compactionSettings }
}

/** Whether a context of so many messages and tokens has outgrown its share of the window. */
export function compactionDue(state: LoopState, contextLength: number, contextTokens: number): boolean {
  if (contextTokens <= thresholdOf(state)) return false
  const { compactionFailedAt } = state.scope
  return compactionFailedAt === null || contextLength > compactionFailedAt * (1 + GROWTH_SHARE)
}

export function thresholdOf(state: LoopState): number {
  return Math.floor(TRIGGER_SHARE * configOf(state).context_window)
}

/** Tokens of the context as it will be sent next: what was last counted, and what has come since. */
export function tokensNow(state: LoopState): number {
  const { contextTokens, tokenCalibration } = state.scope
  return contextTokens === null
    ? countTokens(state, state.context)
    : contextTokens + estimateTokens(state.unsaved, [], tokenCalibration)
}

export function countTokens(state: LoopState, messages: Message[]): number {
  const specs = state.agent.tools.map((tool) => tool.spec)
  return estimateTokens(messages, specs, state.scope.tokenCalibration)
}

/** Whether the system message and the tools leave no room for a conversation. */
export function systemTooLarge(state: LoopState): boolean {
  return countTokens(state, state.context.slice(0, 1)) >= thresholdOf(state)
}
