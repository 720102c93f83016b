import type { ModelFailure } from '../domain/failure.ts'
import type { MessageId } from '../domain/id.ts'
import { newId } from '../domain/id.ts'
import type { ToolCall } from '../domain/message.ts'
import { toolCallsOf } from '../domain/message.ts'
import type { ModelDelta, ModelReply, ModelRequest } from '../domain/model.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import type { StepTimes } from '../domain/step.ts'
import { LegacyAnswer } from './legacy/legacy-answer.ts'
import { configOf, isHeld } from './offer-tools.ts'
import { standIns } from './reroute.ts'
import type { LoopEvent, LoopPorts, LoopState, StepRef } from './state.ts'

/** A reply with the id that its message will have: the one that its pieces were shown under. */
export type Answer = {
  messageId: MessageId
  reply: ModelReply
  times: Pick<StepTimes, 'llmRequestStartNs' | 'llmRequestNs'>
  /** A piece was shown: the call must not be repeated. */
  shown: boolean
  /** The call asks to go on after it, of an agent that must ask. */
  heartbeat: boolean
}

/** What is tried again when nothing of the answer was shown yet; where another model can stand in, only what waiting helps. */
const RETRIED = new Set<ModelFailure['kind']>([
  'rate_limited',
  'overloaded',
  'server_error',
  'connection',
  'empty_response',
])
const RETRIES_MAX = 2
/** The longest that a provider's wish to wait is obeyed; above it the call fails at once. */
const WAIT_MAX_MS = 30_000
const BACKOFF_MS = 500

/** Asks the model once, and again while that repeats nothing that was shown. */
export async function* askModel(
  state: LoopState,
  step: StepRef,
  request: ModelRequest,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, Answer> {
  const canReroute = standIns(state).length > 0
  for (let tries = 0; ; tries++) {
    const answer = yield* askOnce(state, step, request, ports, signal)
    if (answer.reply.ok) return answer
    const { failure } = answer.reply
    const waitMs = failure.retryAfterMs ?? BACKOFF_MS * 2 ** tries
    const retried =
      tries < RETRIES_MAX &&
      (canReroute ? failure.kind === 'rate_limited' : RETRIED.has(failure.kind)) &&
      !answer.shown &&
      waitMs <= WAIT_MAX_MS &&
      !signal.aborted
    if (failure.kind !== 'aborted')
      yield { type: 'model_failed', stepId: step.id, model: request.config.model, failure, retried }
    if (!retried) return answer
    await ports.sleep(waitMs)
  }
}

async function* askOnce(
  state: LoopState,
  step: StepRef,
  request: ModelRequest,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, Answer> {
  const messageId = newId('message')
  const ids = new CallIds(state)
  const legacy = speaksThroughTool(state.agent.agentType) ? new LegacyAnswer(state) : null
  const start = ports.monotonicNs()
  const startWall = ports.wallNs()
  const stream = ports.modelOf(request.config).stream(request, signal)
  const isSurplus = surplusOf(state)
  let shown = false
  while (true) {
    const next = await stream.next()
    if (next.done) {
      const times = { llmRequestStartNs: startWall, llmRequestNs: ports.monotonicNs() - start }
      const read = ids.inReply(next.value)
      return { messageId, times, shown, ...(legacy?.inReply(read) ?? { reply: read, heartbeat: false }) }
    }
    if (!request.stream) continue
    const piece = ids.inDelta(next.value)
    if (isSurplus(piece)) continue
    for (const delta of legacy?.inDelta(piece) ?? [piece]) {
      shown = true
      const name = delta.type === 'tool_call_delta' ? ids.nameOf(delta) : null
      const needsApproval = name !== null && isHeld(state, name)
      yield { type: 'delta', delta, messageId, stepId: step.id, needsApproval }
    }
  }
}

/** Which pieces belong to calls that will not be made: all but the first, where the model's config allows one at a time. */
function surplusOf(state: LoopState): (piece: ModelDelta) => boolean {
  let first: string | undefined
  return (piece) => {
    if (piece.type !== 'tool_call_delta' || configOf(state).parallel_tool_calls === true) return false
    first ??= piece.callId
    return piece.callId !== first
  }
}

/**
 * Ids of calls that the context already holds are replaced: local models count from `call_0` in every turn, and a result
 * would then belong to two calls.
 */
class CallIds {
  #taken: Set<string>
  #fresh = new Map<string, string>()
  #names = new Map<string, string>()

  constructor(state: LoopState) {
    const seen = state.context.flatMap(toolCallsOf).map((call) => call.id)
    this.#taken = new Set([...state.forgottenCallIds, ...seen])
  }

  inDelta(delta: ModelDelta): ModelDelta {
    if (delta.type !== 'tool_call_delta') return delta
    const callId = this.#idFor(delta.callId)
    if (delta.name) this.#names.set(callId, delta.name)
    return { ...delta, callId }
  }

  nameOf(delta: Extract<ModelDelta, { type: 'tool_call_delta' }>): string | null {
    return this.#names.get(delta.callId) ?? null
  }

  inReply(reply: ModelReply): ModelReply {
    if (!reply.ok) return reply
    const seen = new Set<string>()
    return { ...reply, toolCalls: reply.toolCalls.map((call) => this.#once(call, seen)) }
  }

  /** Two calls of one answer under one id are two calls. */
  #once(call: ToolCall, seen: Set<string>): ToolCall {
    const id = seen.has(call.id) ? freshCallId() : this.#idFor(call.id)
    seen.add(call.id)
    return { ...call, id }
  }

  #idFor(id: string): string {
    if (id !== '' && !this.#taken.has(id)) return id
    const known = this.#fresh.get(id)
    if (known) return known
    const fresh = freshCallId()
    this.#fresh.set(id, fresh)
    return fresh
  }
}

function freshCallId(): string {
  return `call_${newId('message').slice('message-'.length).replaceAll('-', '').slice(0, 24)}`
}
