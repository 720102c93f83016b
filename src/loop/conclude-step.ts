import { packHeartbeat } from '../domain/envelope.ts'
import type { MessageId, StepId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import type { AssistantPart, Message, ToolCall, ToolReturn } from '../domain/message.ts'
import type { FinishReason, Usage } from '../domain/model.ts'
import { idBefore } from '../domain/otid.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import { type Continuation, decideContinuation, type StepFacts } from './continuation.ts'
import { reasonToGoOn } from './legacy/goes-on.ts'
import { newMessage } from './new-message.ts'
import { configOf } from './offer-tools.ts'
import { type CallPlan, callOf } from './plan-calls.ts'
import type { Conclusion, LoopPorts, LoopState } from './state.ts'
import { estimateTokens } from './tokens.ts'
import { outstandingTools } from './tool-rules.ts'
import { turnHistory } from './turn-history.ts'

export type Replied = {
  stepId: StepId
  messageId: MessageId
  content: AssistantPart[]
  finish: FinishReason
  usage: Usage
  /** The calls of the answer, in its order. */
  calls: ToolCall[]
  forced: boolean
  /** A call is demanded, and there is none to make. */
  starved: boolean
  /** The call asks to go on after it, of an agent that must ask. */
  heartbeat: boolean
  isLastStep: boolean
}

/**
 * What a step leaves behind when its calls must wait: the calls that may run, and the request for the others. `refusals`:
 * what is already known of some of the calls beside it; they are stored with the rest when the answer is there.
 *
 * The words are in the request where no call may run. Not where pieces were streamed: a call that waits is shown before
 * anybody knows whether others follow, so words and requests are shown under two ids, and are two rows.
 */
export function concludePause(
  state: LoopState,
  ports: LoopPorts,
  replied: Replied,
  held: ToolCall[],
  refusals: ToolReturn[],
): Conclusion {
  const besides = replied.calls.filter((call) => !held.includes(call))
  const { stepId, messageId, content } = replied
  const model = configOf(state).model
  const isApart = besides.length > 0 || state.request.streamTokens
  const request = newMessage(
    state,
    ports,
    { role: 'approval_request', content: isApart ? [] : content, toolCalls: held },
    { id: isApart ? idBefore(messageId) : messageId, stepId, model },
  )
  const messages: Message[] = [request]
  if (isApart && content.length + besides.length > 0) {
    const body = { role: 'assistant' as const, content, toolCalls: besides }
    messages.unshift(newMessage(state, ports, body, { id: messageId, stepId, model }))
  }
  return {
    messages,
    approval: { request, refusals },
    outcome: { stopReason: 'requires_approval', error: null },
    contextTokens: tokensAfter(state, replied, messages),
  }
}

/** What a step leaves behind when everything that could run has run. `returns` are in the order of the calls. */
export function concludeStep(
  state: LoopState,
  ports: LoopPorts,
  replied: Replied,
  plans: CallPlan[],
  returns: ToolReturn[],
): Conclusion {
  const messages = answerMessages(state, ports, replied, plans, returns)
  const after = { ...state, context: [...state.context, ...messages] }
  const called = turnHistory(after).map(({ name }) => name)
  const available = state.agent.tools.map((tool) => tool.name)
  const facts: StepFacts = {
    calls: plans.map((plan) => plan.fate),
    ...goingOn(state, replied, plans, returns),
    paused: false,
    finish: replied.finish,
    outstanding: outstandingTools(state.agent.toolRules, available, called),
    forcedInVain: replied.forced && plans.length === 0,
    starved: replied.starved,
    isLastStep: replied.isLastStep,
    nudges: state.nudges,
  }
  return continued(state, ports, replied, messages, decideContinuation(facts))
}

function goingOn(state: LoopState, { heartbeat }: Replied, plans: CallPlan[], returns: ToolReturn[]) {
  const { agentType, toolRules } = state.agent
  if (!speaksThroughTool(agentType)) return { goesOn: true, goOnText: null }
  const called = plans.map((plan) => {
    const { id, name } = callOf(plan)
    return { name, fate: plan.fate, result: returns.find(({ callId }) => callId === id) }
  })
  const goOnText = reasonToGoOn(called, heartbeat, toolRules)
  return { goesOn: goOnText !== null, goOnText }
}

function continued(
  state: LoopState,
  ports: LoopPorts,
  replied: Replied,
  messages: Message[],
  continuation: Continuation,
): Conclusion {
  if (continuation.nudge !== null) {
    messages = [...messages, nudgeMessage(state, ports, replied.stepId, continuation.nudge)]
  }
  return {
    messages,
    approval: null,
    outcome: continuation.type === 'stop' ? { stopReason: continuation.reason, error: null } : null,
    contextTokens: tokensAfter(state, replied, messages),
  }
}

function answerMessages(
  state: LoopState,
  ports: LoopPorts,
  replied: Replied,
  plans: CallPlan[],
  returns: ToolReturn[],
): Message[] {
  const { stepId, messageId, content } = replied
  const messages: Message[] = []
  const toolCalls = plans.map(callOf)
  if (content.length > 0 || toolCalls.length > 0) {
    const head = { id: messageId, stepId, model: configOf(state).model }
    messages.push(newMessage(state, ports, { role: 'assistant', content, toolCalls }, head))
  }
  if (returns.length > 0) messages.push(toolMessage(state, ports, stepId, returns, returns[0]?.name ?? null))
  return messages
}

export function toolMessage(
  state: LoopState,
  ports: LoopPorts,
  stepId: StepId | null,
  returns: ToolReturn[],
  name: string | null,
): Message {
  return newMessage(state, ports, { role: 'tool', returns }, { stepId, name })
}

function nudgeMessage(state: LoopState, ports: LoopPorts, stepId: StepId, reason: string): Message {
  const text = packHeartbeat(reason, formatLocalTime(ports.now(), state.agent.timezone))
  return newMessage(state, ports, { role: 'user', content: [{ type: 'text', text }] }, { stepId })
}

/** What the provider counted, and what the step has added since; all of it by rule of thumb where nothing was reported. */
function tokensAfter(state: LoopState, replied: Replied, messages: Message[]): number {
  const { tokenCalibration } = state.scope
  if (replied.usage.total <= 0) {
    const specs = state.agent.tools.map((tool) => tool.spec)
    return estimateTokens([...state.context, ...messages], specs, tokenCalibration)
  }
  const added = messages.filter((message) => message.role === 'tool' || message.role === 'user')
  return replied.usage.total + (added.length > 0 ? estimateTokens(added, [], tokenCalibration) : 0)
}
