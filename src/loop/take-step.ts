import { type MessageId, newId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import type { ToolReturn } from '../domain/message.ts'
import type { StoredReply } from '../domain/step.ts'
import { afterCommit } from './after-commit.ts'
import { type Answer, askModel } from './ask-model.ts'
import { buildRequest } from './build-request.ts'
import { compactionDue } from './compact/measure.ts'
import { compactBeforeStep, compactContext, OVERFLOWS_MAX } from './compact-context.ts'
import { concludePause, concludeStep, type Replied } from './conclude-step.ts'
import { failStep } from './fail-step.ts'
import { stamped } from './new-message.ts'
import { configOf, offerTools, type ToolOffer } from './offer-tools.ts'
import { type CallPlan, callOf, planCall } from './plan-calls.ts'
import { promptUpdate, withPrompt } from './refresh-prompt.ts'
import { rerouted, withModel } from './reroute.ts'
import type { Conclusion, LoopEvent, LoopPorts, LoopState, StepRef, StepResult } from './state.ts'
import { calibrationOf } from './tokens.ts'
import { withholdMore } from './withhold.ts'

/** One model call and the tools it asked for. It is saved whole, or nothing of it. */
export async function* takeStep(
  before: LoopState,
  step: StepRef,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, StepResult> {
  const stepStart = { wall: ports.wallNs(), monotonic: ports.monotonicNs() }
  const prompt = promptUpdate(before, ports.now())
  const state = withPrompt(before, prompt)
  const offer = offerTools(state)
  const asked = yield* answerOf(state, step, offer, ports, signal)
  if (asked.type === 'end') return asked.result

  const { replied, answer } = asked
  const plans = plansOf(asked.state, offer, replied, ports)
  const held = plans.flatMap((plan) => (plan.type === 'held' ? [plan.call] : []))
  const refusals = plans.flatMap((plan) => (plan.type === 'refused' ? [plan.result] : []))
  const runs = held.length > 0 ? [] : plans.flatMap((plan) => (plan.type === 'run' ? [plan.planned] : []))
  const ran = await ports.runCalls(step, journalOf(before, asked), runs)
  const conclude = (last: ToolReturn[]): Conclusion =>
    held.length > 0
      ? concludePause(
          asked.state,
          ports,
          {
            ...replied,
            calls: plans.map((plan, at) =>
              plan.type === 'run' ? (replied.calls[at] ?? plan.planned.call) : callOf(plan),
            ),
          },
          held,
          refusals,
        )
      : concludeStep(asked.state, ports, replied, plans, inOrder(plans, [...ran.returns, ...last]))

  const committed = await ports.commit({
    step,
    messageStepId: step.id,
    nextStepId: newId('step'),
    unsaved: stamped(asked.state.unsaved, asked.state, step.id),
    config: configOf(asked.state),
    usage: replied.usage,
    times: {
      stepStartNs: stepStart.wall,
      ...answer.times,
      ...(runs.length > 0 && { toolExecutionNs: ran.longestNs }),
      stepNs: ports.monotonicNs() - stepStart.monotonic,
    },
    trace: answer.reply.trace,
    calibration: calibrationOf(replied.usage, asked.state.context, offer.specs),
    prompt: asked.compacted ? null : prompt,
    askedLength: asked.state.scope.contextLength,
    withheld: asked.state.trial,
    left: ran.left,
    conclude,
    keepOpen: ({ messages, contextTokens }) =>
      compactionDue(asked.state, asked.state.context.length + messages.length, contextTokens),
  })
  return yield* afterCommit(asked.state, committed, replied.usage, step.id, ports, signal)
}

type Asked =
  | { type: 'replied'; state: LoopState; answer: Answer; replied: Replied; compacted: boolean }
  | { type: 'end'; result: StepResult }

/** The model's answer: the journal's, if an earlier driver had it already, or a new one, after making room if need be. */
async function* answerOf(
  start: LoopState,
  step: StepRef,
  offer: ToolOffer,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, Asked> {
  if (step.journal)
    return { ...(await journaled(start, step, step.journal.reply, offer, ports)), compacted: false }
  const room = yield* compactBeforeStep(start, step.id, ports, signal)
  let { state } = room
  let compacted = state !== start
  let overflows = 0
  let reroutes = 0
  for (;;) {
    const answer = yield* askModel(state, step, buildRequest(state, offer), ports, signal)
    if (signal.aborted) return { type: 'end', result: { type: 'lost' } }
    if (answer.reply.ok) {
      const replied = repliedOf(state, step, answer, answer.reply, offer)
      return { type: 'replied', state, answer, replied, compacted }
    }
    const less = answer.shown ? undefined : withholdMore(state, answer.reply.failure)
    if (less) {
      state = less
      continue
    }
    const elsewhere = await rerouted(state, answer, ports)
    if (elsewhere && reroutes < state.agent.fallbackModels.length) {
      state = elsewhere
      reroutes++
      continue
    }
    if (answer.reply.failure.kind !== 'context_full' || overflows >= OVERFLOWS_MAX) {
      return { type: 'end', result: await failStep(state, step, answer, ports) }
    }
    const smaller = room.noRoom ?? (yield* makeRoom(state, step, ports, signal))
    if (smaller.type !== 'compacted')
      return { type: 'end', result: await failStep(state, step, answer, ports, smaller) }
    state = smaller.state
    compacted = true
    overflows++
  }
}

function makeRoom(state: LoopState, step: StepRef, ports: LoopPorts, signal: AbortSignal) {
  const cause = { trigger: 'context_window_exceeded' as const, stepId: step.id, goesOn: true }
  return compactContext(state, cause, ports, signal)
}

function repliedOf(
  state: LoopState,
  step: StepRef,
  { messageId, heartbeat }: Pick<Answer, 'messageId' | 'heartbeat'>,
  reply: StoredReply,
  offer: ToolOffer,
): Replied {
  const parallel = configOf(state).parallel_tool_calls === true
  return {
    stepId: step.id,
    messageId,
    content: reply.content.filter(
      (part) => part.type !== 'text' || part.text !== '' || part.signature !== undefined,
    ),
    finish: reply.finish,
    usage: reply.usage,
    calls: parallel ? reply.toolCalls : reply.toolCalls.slice(0, 1),
    forced: (offer.choice.type === 'required' || offer.choice.type === 'tool') && offer.specs.length > 0,
    starved: offer.decision.forced && offer.specs.length === 0,
    heartbeat,
    isLastStep: state.stepsDone + 1 >= state.request.stepsMax,
  }
}

async function journaled(
  start: LoopState,
  step: StepRef,
  reply: StoredReply & { messageId: MessageId },
  offer: ToolOffer,
  ports: LoopPorts,
) {
  const config = reply.standIn === undefined ? null : await ports.configOf(reply.standIn)
  const state = config ? withModel(start, config) : start
  const answer: Answer = {
    messageId: reply.messageId,
    reply: { ok: true, ...reply, trace: null },
    times: {},
    shown: true,
    heartbeat: reply.heartbeat === true,
  }
  return { type: 'replied' as const, state, answer, replied: repliedOf(state, step, answer, reply, offer) }
}

function plansOf(state: LoopState, offer: ToolOffer, replied: Replied, ports: LoopPorts): CallPlan[] {
  const time = formatLocalTime(ports.now(), state.agent.timezone)
  return replied.calls.map((call) => planCall(call, { state, offer, finish: replied.finish, time }))
}

function journalOf(
  before: LoopState,
  { state, answer, replied }: Extract<Asked, { type: 'replied' }>,
): (StoredReply & { messageId: MessageId }) | null {
  if (!answer.reply.ok) return null
  const { content, usage, finish } = answer.reply
  const { messageId, calls: toolCalls, heartbeat } = replied
  const { handle } = configOf(state)
  return {
    messageId,
    content,
    toolCalls,
    usage,
    finish,
    ...(heartbeat && { heartbeat }),
    ...(handle !== null && handle !== configOf(before).handle && { standIn: handle }),
  }
}

function inOrder(plans: CallPlan[], returns: ToolReturn[]): ToolReturn[] {
  return plans.flatMap((plan) => {
    if (plan.type === 'refused') return [plan.result]
    if (plan.type === 'held') return []
    const result = returns.find(({ callId }) => callId === plan.planned.call.id)
    return result ? [result] : []
  })
}
