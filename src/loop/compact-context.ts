import { randomUUID } from 'node:crypto'
import type { CompactionMode, CompactionSettings } from '../domain/agent.ts'
import { type CompactionStats, packSummary } from '../domain/envelope.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import type { Message } from '../domain/message.ts'
import { type CompactionPlan, planAll, planSlidingWindow } from './compact/plan.ts'
import { summaryText } from './compact/prompts.ts'
import { type Summary, summarise } from './compact/summarise.ts'
import { type NoRoom, systemPromptTooLarge } from './fail-step.ts'
import { newMessage } from './new-message.ts'
import { configOf } from './offer-tools.ts'
import { promptUpdate } from './refresh-prompt.ts'
import type { Committed, LoopEvent, LoopPorts, LoopState, StepResult } from './state.ts'
import { estimateTokens } from './tokens.ts'

/** How often one step may make room after its provider said that the request was too large. */
export const OVERFLOWS_MAX = 3
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

export type Compacted = { type: 'compacted'; state: LoopState; summary: string } | NoRoom

/** Whether the context has outgrown its share of the window. */
export function compactionDue(state: LoopState, contextTokens: number): boolean {
  if (contextTokens <= thresholdOf(state)) return false
  const failedAt = state.scope.compactionFailedAt
  return failedAt === null || state.context.length > failedAt * (1 + GROWTH_SHARE)
}

function thresholdOf(state: LoopState): number {
  return Math.floor(TRIGGER_SHARE * configOf(state).context_window)
}

/** After a step's commit: compacts if that is due, and ends the run if the step did. */
export async function* compactAfterStep(
  state: LoopState,
  committed: Committed,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, StepResult> {
  if (!compactionDue(state, committed.contextTokens)) {
    return committed.outcome ? { type: 'ended' } : { type: 'next', state }
  }
  const compacted = yield* compactContext(state, 'post_step_context_check', ports, signal)
  if (signal.aborted) return { type: 'lost' }
  if (compacted.type === 'system_prompt_too_large') {
    await ports.settle(systemPromptTooLarge(), [], null)
    return { type: 'ended' }
  }
  if (committed.outcome) {
    await ports.settle(committed.outcome, [], null)
    return { type: 'ended' }
  }
  return { type: 'next', state: compacted.type === 'compacted' ? compacted.state : state }
}

/**
 * Puts a summary in the place of older messages, or says why that is not possible. It shrinks the context or changes
 * nothing; what could not be shrunk is remembered and not tried again until it has grown.
 */
export async function* compactContext(
  state: LoopState,
  trigger: string,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, Compacted> {
  const tokens = state.scope.contextTokens ?? countTokens(state, state.context)
  const window = configOf(state).context_window
  yield {
    type: 'compaction_start',
    id: randomUUID(),
    stepId: state.step?.id ?? null,
    trigger,
    tokens,
    window,
  }
  const tried = await tryModes(state, ports, signal)
  if (!tried.ok) {
    await ports.noteCompactionFailed(state.context.length)
    return systemTooLarge(state) ? { type: 'system_prompt_too_large' } : tried.reason
  }
  const result = resultOf(state, trigger, tokens, tried, ports)
  if (result.contextTokens >= tokens && systemTooLarge(state)) return { type: 'system_prompt_too_large' }
  const scope = await ports.commitCompaction(result.commit)
  const [system] = state.context
  const context = system
    ? [withText(system, result.commit.prompt?.text), result.commit.summary, ...tried.plan.kept]
    : []
  return { type: 'compacted', summary: tried.summary, state: { ...state, scope, context, unsaved: [] } }
}

type Tried = { ok: true; plan: CompactionPlan; summary: string } | { ok: false; reason: NoRoom }

/** What is tried when a mode does not work. */
const FALLBACKS: Record<CompactionMode, CompactionMode[]> = {
  all: ['all'],
  sliding_window: ['sliding_window', 'all'],
  self_compact_all: ['self_compact_all', 'self_compact_sliding_window', 'all'],
  self_compact_sliding_window: ['self_compact_sliding_window', 'all'],
}

async function tryModes(state: LoopState, ports: LoopPorts, signal: AbortSignal): Promise<Tried> {
  const settings = settingsOf(state)
  let reason: NoRoom = { type: 'useless' }
  for (const mode of FALLBACKS[settings.mode]) {
    const plan = planFor(state, mode, settings)
    if (!plan) continue
    // A prompt of the agent's own was written for its own mode.
    const modeSettings = mode === settings.mode ? settings : { ...settings, prompt: null }
    const summary: Summary = await summarise(state, plan.evicted, mode, modeSettings, ports, signal)
    if (!summary.ok) {
      reason = { type: 'failed', failure: summary.failure }
      if (signal.aborted || summary.failure.kind === 'context_full') break
      continue
    }
    const tooLarge = countTokens(state, [...state.context.slice(0, 1), ...plan.kept]) >= thresholdOf(state)
    const all = tooLarge && mode !== 'all' ? planAll(state.context, protectedFrom(state)) : null
    if (!all || all.evicted.length <= plan.evicted.length) return { ok: true, plan, summary: summary.text }
    reason = { type: 'useless' }
  }
  return { ok: false, reason }
}

function planFor(
  state: LoopState,
  mode: CompactionMode,
  settings: CompactionSettings,
): CompactionPlan | null {
  const from = protectedFrom(state)
  if (mode === 'all' || mode === 'self_compact_all') return planAll(state.context, from)
  const goal = (1 - settings.sliding_window_percentage) * configOf(state).context_window
  const count = (messages: Message[]) => countTokens(state, messages)
  return planSlidingWindow(state.context, settings.sliding_window_percentage, goal, count, from)
}

/** The input of this turn is not summarised away before it is answered. */
function protectedFrom(state: LoopState): number {
  return state.context.length - state.unsaved.length
}

export function settingsOf(state: LoopState): CompactionSettings {
  return { ...COMPACTION_DEFAULTS, ...state.agent.compactionSettings }
}

function resultOf(
  state: LoopState,
  trigger: string,
  tokens: number,
  tried: Extract<Tried, { ok: true }>,
  ports: LoopPorts,
) {
  const before = state.context.length
  const stats: CompactionStats = {
    trigger,
    contextTokensBefore: tokens,
    contextTokensAfter: null,
    contextWindow: configOf(state).context_window,
    messagesCountBefore: before,
    messagesCountAfter: tried.plan.kept.length + 2,
  }
  const time = formatLocalTime(ports.now(), state.agent.timezone)
  const text = summaryText(tried.summary, before - stats.messagesCountAfter)
  const contextTokens =
    countTokens(state, [...state.context.slice(0, 1), ...tried.plan.kept]) + Math.ceil(text.length / 4)
  const packed = packSummary(text, time, { ...stats, contextTokensAfter: contextTokens })
  const role =
    state.request.includeCompactionMessages || trigger === 'manual' ? ('summary' as const) : ('user' as const)
  const stepId = state.step?.id ?? null
  const summary = newMessage(state, ports, { role, content: [{ type: 'text', text: packed }] }, { stepId })
  const prompt = promptUpdate(state, ports.now(), true)
  const commit = { unsaved: state.unsaved, summary, kept: tried.plan.kept, prompt, contextTokens, stats }
  return { contextTokens, commit }
}

function systemTooLarge(state: LoopState): boolean {
  return countTokens(state, state.context.slice(0, 1)) >= thresholdOf(state)
}

function countTokens(state: LoopState, messages: Message[]): number {
  return estimateTokens(
    messages,
    state.agent.tools.map((tool) => tool.spec),
    state.scope.tokenCalibration,
  )
}

function withText(system: Message, text: string | undefined): Message {
  return text === undefined || system.role !== 'system'
    ? system
    : { ...system, content: [{ type: 'text', text }] }
}
