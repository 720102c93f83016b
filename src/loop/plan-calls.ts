import type { ToolCall, ToolReturn } from '../domain/message.ts'
import type { FinishReason } from '../domain/model.ts'
import type { ToolRecord } from '../domain/tool.ts'
import { spacedJson } from '../lib/spaced-json.ts'
import type { CallFate } from './continuation.ts'
import { isHeld, type ToolOffer } from './offer-tools.ts'
import { parseArguments } from './parse-arguments.ts'
import { mergePrefilled } from './prefill.ts'
import type { LoopState, PlannedCall } from './state.ts'
import { refusalOf } from './tool-return.ts'
import { endsLoop, violationText } from './tool-rules.ts'

/** One call of an answer, looked at before anything is run: it can run, it waits for somebody, or it has its result. */
export type CallPlan =
  | { type: 'held'; call: ToolCall; fate: CallFate }
  | { type: 'run'; planned: PlannedCall; fate: CallFate }
  | { type: 'refused'; call: ToolCall; result: ToolReturn; fate: CallFate }

export type PlanContext = { state: LoopState; offer: ToolOffer; finish: FinishReason; time: string }

/** Looks at a call: is it allowed now, can its arguments be read, do the rules' own arguments fit. */
export function planCall(call: ToolCall, context: PlanContext): CallPlan {
  const { state, offer, time } = context
  const tool = state.agent.tools.find((candidate) => candidate.name === call.name)
  const known = tool !== undefined || state.request.clientTools.some((client) => client.name === call.name)
  if (known && !offer.decision.allowed.includes(call.name)) {
    const text = violationText(call.name, offer.decision, state.agent.toolRules, offer.history)
    return refused(call, text, 'violated', time)
  }
  if (isHeld(state, call.name)) return planHeld(call, tool, context)
  if (!tool) return refused(call, violationText(call.name, offer.decision, [], []), 'violated', time)
  return planRun(call, tool, context)
}

/** Arguments that wait stay as the model wrote them, unless a rule adds to them. */
function planHeld(call: ToolCall, tool: ToolRecord | undefined, context: PlanContext): CallPlan {
  const parsed = parseArguments(call.arguments)
  if (!parsed.ok)
    return refused(call, unreadable(call, parsed.message, context.finish), 'not_run', context.time)
  if (!tool || !context.offer.decision.prefilled.has(call.name))
    return { type: 'held', call, fate: 'not_run' }
  const plan = planRun(call, tool, context)
  return plan.type === 'run' ? { type: 'held', call: plan.planned.call, fate: 'not_run' } : plan
}

function planRun(call: ToolCall, tool: ToolRecord, { state, offer, finish, time }: PlanContext): CallPlan {
  const parsed = parseArguments(call.arguments)
  if (!parsed.ok) return refused(call, unreadable(call, parsed.message, finish), 'not_run', time)
  const prefilled = offer.decision.prefilled.get(call.name)
  const merged = prefilled
    ? mergePrefilled(parsed.args, prefilled.args, tool.spec.parameters, prefilled.source)
    : { ok: true as const, args: parsed.args }
  if (!merged.ok) return refused(call, merged.message, 'prefill_failed', time)
  const cleaned: ToolCall = { ...call, arguments: spacedJson(merged.args) }
  const fate = endsLoop(state.agent.toolRules, call.name) ? 'ended_loop' : 'ran'
  return { type: 'run', planned: { call: cleaned, tool, args: merged.args }, fate }
}

function unreadable(call: ToolCall, message: string, finish: FinishReason): string {
  const cut =
    finish === 'length' ? 'the answer was cut off at its token limit before the call was complete; ' : ''
  return `Error executing function ${call.name}: ValueError: ${cut}${message}`
}

function refused(call: ToolCall, text: string, fate: CallFate, time: string): CallPlan {
  return {
    type: 'refused',
    call: { ...call, arguments: validArguments(call) },
    result: refusalOf(call, text, time),
    fate,
  }
}

/** What is stored of a call that could not be read still has to be JSON for every provider. */
function validArguments(call: ToolCall): string {
  const parsed = parseArguments(call.arguments)
  return parsed.ok ? spacedJson(parsed.args) : '{}'
}

export function callOf(plan: CallPlan): ToolCall {
  return plan.type === 'run' ? plan.planned.call : plan.call
}
