import { type CompactionStats, packSummary } from '../domain/envelope.ts'
import type { MessageId, StepId } from '../domain/id.ts'
import { newId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import type { Message } from '../domain/message.ts'
import { otidOf } from '../domain/otid.ts'
import type { Outcome } from '../domain/run.ts'
import { compactionDue, countTokens, systemTooLarge, thresholdOf, tokensNow } from './compact/measure.ts'
import { summaryText } from './compact/prompts.ts'
import { type Shrunk, shrink } from './compact/shrink.ts'
import { type NoRoom, systemPromptTooLarge } from './fail-step.ts'
import { newMessage } from './new-message.ts'
import { configOf } from './offer-tools.ts'
import { promptUpdate } from './refresh-prompt.ts'
import type { Committed, LoopEvent, LoopPorts, LoopState, StepResult } from './state.ts'
import { callsIn, messagesOfTurn } from './turn-history.ts'

/** How often one step may make room after its provider said that the request was too large. */
export const OVERFLOWS_MAX = 3

/** What set a compaction off. Clients know the first two. */
export type CompactionTrigger = 'context_window_exceeded' | 'post_step_context_check' | 'manual'

export type CompactionCause = {
  trigger: CompactionTrigger
  /** The step that it belongs to. */
  stepId: StepId | null
  /** The turn is not over: what it was asked for stays in the context. */
  goesOn: boolean
}

/** A compaction that has been announced, under the id that its summary will have. */
type Begun = CompactionCause & { summaryId: MessageId }

export type Compacted = { type: 'compacted'; state: LoopState; summary: string } | NoRoom

/** After a step's commit: compacts if that is due, and ends the run if the step did. */
export async function* compactAfterStep(
  state: LoopState,
  stepId: StepId,
  committed: Committed,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, StepResult> {
  const { outcome } = committed
  if (!compactionDue(state, state.context.length, committed.contextTokens)) {
    return outcome ? { type: 'ended' } : { type: 'next', state }
  }
  return yield* compactAndEnd(state, stepId, outcome, ports, signal)
}

/** What an earlier driver has left of a turn that is over: the compaction, if it is still due, and the end of the run. */
export async function* endConcluded(
  state: LoopState,
  outcome: Outcome,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, StepResult> {
  if (compactionDue(state, state.context.length, tokensNow(state))) {
    return yield* compactAndEnd(state, state.context.at(-1)?.stepId ?? null, outcome, ports, signal)
  }
  await ports.settle(outcome, [], null)
  return { type: 'ended' }
}

/** `outcome`: how the run ends; null: it goes on. */
async function* compactAndEnd(
  state: LoopState,
  stepId: StepId | null,
  outcome: Outcome | null,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, StepResult> {
  const cause = { trigger: 'post_step_context_check' as const, stepId, goesOn: outcome === null }
  const compacted = yield* compactContext(state, cause, ports, signal)
  if (signal.aborted) return { type: 'lost' }
  const end = compacted.type === 'system_prompt_too_large' ? systemPromptTooLarge() : outcome
  if (end) {
    await ports.settle(end, [], null)
    return { type: 'ended' }
  }
  return { type: 'next', state: compacted.type === 'compacted' ? compacted.state : state }
}

/** The context that a step asks with. `noRoom`: making it smaller has just been tried, in vain. */
export type Room = { state: LoopState; noRoom: NoRoom | null }

/**
 * Before a call: makes room if the context is known to have outgrown its share, by a long message of the user's or
 * because an earlier driver ended before it had. The provider has the last word where that does not help.
 */
export async function* compactBeforeStep(
  state: LoopState,
  stepId: StepId,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, Room> {
  if (!compactionDue(state, state.context.length, tokensNow(state))) return { state, noRoom: null }
  const cause = { trigger: 'context_window_exceeded' as const, stepId, goesOn: true }
  const compacted = yield* compactContext(state, cause, ports, signal)
  return compacted.type === 'compacted'
    ? { state: compacted.state, noRoom: null }
    : { state, noRoom: compacted }
}

/**
 * Puts a summary in the place of older messages, or says why that is not possible. It shrinks the context or changes
 * nothing; what could not be shrunk is remembered and not tried again until it has grown.
 */
export async function* compactContext(
  state: LoopState,
  cause: CompactionCause,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, Compacted> {
  const tokens = tokensNow(state)
  const window = configOf(state).context_window
  const begun = { ...cause, summaryId: newId('message') }
  const { trigger, stepId, summaryId } = begun
  yield { type: 'compaction_start', summaryId, stepId, trigger, tokens, window }
  const shrunk = await shrink(state, cause.goesOn, ports, signal)
  const commit = shrunk.ok ? commitOf(state, begun, tokens, shrunk, ports) : null
  const isLarge = commit !== null && commit.contextTokens >= thresholdOf(state)
  const isUseless = isLarge && commit.contextTokens >= countTokens(state, state.context)
  if (!commit || isUseless) {
    await ports.noteCompactionFailed(state.context.length)
    if (systemTooLarge(state)) return { type: 'system_prompt_too_large' }
    return shrunk.ok ? { type: 'useless' } : shrunk.reason
  }
  const scope = await ports.commitCompaction(commit)
  if (isLarge) await ports.noteCompactionFailed(scope.contextLength)
  const [system] = state.context
  const context = system ? [withText(system, commit.prompt?.text), commit.summary, ...commit.kept] : []
  const summary = shrunk.ok ? shrunk.summary : ''
  const calledBefore = [...state.calledBefore, ...callsIn(leftOut(messagesOfTurn(state.context), context))]
  return { type: 'compacted', summary, state: { ...state, scope, context, calledBefore, unsaved: [] } }
}

function commitOf(
  state: LoopState,
  cause: Begun,
  tokens: number,
  shrunk: Extract<Shrunk, { ok: true }>,
  ports: LoopPorts,
) {
  const { kept } = shrunk
  const before = state.context.length
  const after = kept.length + 2
  const text = summaryText(shrunk.summary, {
    evictedCount: before > after ? before - after : null,
    repeatsRequest: repeatsRequest(state.context, kept),
  })
  const stats: CompactionStats = {
    trigger: cause.trigger,
    contextTokensBefore: tokens,
    contextTokensAfter: null,
    contextWindow: configOf(state).context_window,
    messagesCountBefore: before,
    messagesCountAfter: after,
  }
  const draft = summaryMessage(state, cause, text, stats, ports)
  const contextTokens = countTokens(state, [...state.context.slice(0, 1), draft, ...kept])
  const known = cause.trigger === 'manual' ? null : { ...stats, contextTokensAfter: contextTokens }
  const summary = summaryMessage(state, cause, text, known, ports)
  const prompt = promptUpdate(state, ports.now(), true)
  return { unsaved: state.unsaved, summary, kept, prompt, contextTokens, stats }
}

/** Whether the first of what is kept was taken from in front of what is evicted. */
function repeatsRequest(context: Message[], kept: Message[]): boolean {
  const [first] = kept
  return first !== undefined && context.indexOf(first) < context.length - kept.length
}

function summaryMessage(
  state: LoopState,
  { trigger, stepId, summaryId: id }: Begun,
  text: string,
  stats: CompactionStats | null,
  ports: LoopPorts,
): Message {
  const packed = packSummary(text, formatLocalTime(ports.now(), state.agent.timezone), stats)
  const content = [{ type: 'text' as const, text: packed }]
  if (trigger === 'manual' || state.request.includeCompactionMessages) {
    return newMessage(state, ports, { role: 'summary', content }, { id, stepId })
  }
  // For callers that do not know summaries it is a user's message, made by the server.
  return { ...newMessage(state, ports, { role: 'user', content }, { id, stepId }), otid: otidOf(id, 0) }
}

function leftOut(messages: Message[], context: Message[]): Message[] {
  const kept = new Set(context.map(({ id }) => id))
  return messages.filter(({ id }) => !kept.has(id))
}

function withText(system: Message, text: string | undefined): Message {
  return text === undefined || system.role !== 'system'
    ? system
    : { ...system, content: [{ type: 'text', text }] }
}
