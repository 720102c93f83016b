import type { CompactionMode, CompactionSettings } from '../../domain/agent.ts'
import type { Message } from '../../domain/message.ts'
import type { NoRoom } from '../fail-step.ts'
import { newMessage } from '../new-message.ts'
import { configOf } from '../offer-tools.ts'
import type { LoopPorts, LoopState } from '../state.ts'
import { countTokens, settingsOf, thresholdOf } from './measure.ts'
import { type CompactionPlan, keepingRequest, planAll, planSlidingWindow } from './plan.ts'
import { type Summary, summarise } from './summarise.ts'

export type Shrunk = { ok: true; kept: Message[]; summary: string } | { ok: false; reason: NoRoom }

/** What is tried when a mode does not work. */
const FALLBACKS: Record<CompactionMode, CompactionMode[]> = {
  all: ['all'],
  sliding_window: ['sliding_window', 'all'],
  self_compact_all: ['self_compact_all', 'self_compact_sliding_window', 'all'],
  self_compact_sliding_window: ['self_compact_sliding_window', 'all'],
}

/**
 * Decides what leaves the context and has it summarised, as the agent's settings say or as one of the fall-backs does.
 * `goesOn`: the turn is not over, so that what it was asked for stays. Where what is kept is still too large, all of it is
 * summarised with the first summary.
 */
export async function shrink(
  state: LoopState,
  goesOn: boolean,
  ports: LoopPorts,
  signal: AbortSignal,
): Promise<Shrunk> {
  let reason: NoRoom = { type: 'useless' }
  for (const mode of FALLBACKS[settingsOf(state).mode]) {
    const plan = planFor(state, mode, goesOn)
    if (!plan) continue
    const summary = await summarise(state, plan.evicted, mode, promptedFor(state, mode), ports, signal)
    if (summary.ok)
      return secondPass(state, { ok: true, kept: plan.kept, summary: summary.text }, goesOn, ports, signal)
    reason = { type: 'failed', failure: summary.failure }
    // What the agent itself cannot take may still fit as a transcript, which is cut to a size. One that was cut would only
    // fail again.
    const wasCut = mode === 'all' || mode === 'sliding_window'
    if (signal.aborted || (wasCut && summary.failure.kind === 'context_full')) break
  }
  return { ok: false, reason }
}

/** What the first pass leaves is summarised as a whole when it is too large; the first summary stands if that fails. */
async function secondPass(
  state: LoopState,
  first: Extract<Shrunk, { ok: true }>,
  goesOn: boolean,
  ports: LoopPorts,
  signal: AbortSignal,
): Promise<Shrunk> {
  const [system] = state.context
  const content = [{ type: 'text' as const, text: first.summary }]
  const summary = newMessage(state, ports, { role: 'summary', content }, { stepId: null })
  if (!system || countTokens(state, [system, summary, ...first.kept]) < thresholdOf(state)) return first
  const context = [system, summary, ...first.kept]
  const all = planAll(context, context.length - state.unsaved.length)
  const plan = goesOn ? keepingRequest(all) : all
  if (!plan || plan.kept.length >= first.kept.length) return first
  const second: Summary = await summarise(
    state,
    plan.evicted,
    'all',
    promptedFor(state, 'all'),
    ports,
    signal,
  )
  return second.ok ? { ok: true, kept: plan.kept, summary: second.text } : first
}

function planFor(state: LoopState, mode: CompactionMode, goesOn: boolean): CompactionPlan | null {
  const plan = planOf(state, mode)
  return goesOn ? keepingRequest(plan) : plan
}

function planOf(state: LoopState, mode: CompactionMode): CompactionPlan | null {
  const { context } = state
  // The input of this turn is not summarised away before it is answered.
  const protectedFrom = context.length - state.unsaved.length
  if (mode === 'all' || mode === 'self_compact_all') return planAll(context, protectedFrom)
  const percentage = settingsOf(state).sliding_window_percentage
  const goal = (1 - percentage) * configOf(state).context_window
  return planSlidingWindow(
    context,
    percentage,
    goal,
    (messages) => countTokens(state, messages),
    protectedFrom,
  )
}

/** A prompt of the agent's own was written for its own mode. */
function promptedFor(state: LoopState, mode: CompactionMode): CompactionSettings {
  const settings = settingsOf(state)
  return mode === settings.mode ? settings : { ...settings, prompt: null }
}
