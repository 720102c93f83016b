import { newId, type StepId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import type { ToolCall, ToolReturn } from '../domain/message.ts'
import { afterCommit } from './after-commit.ts'
import { compactionDue } from './compact/measure.ts'
import { toolMessage } from './conclude-step.ts'
import { type CallFate, decideContinuation } from './continuation.ts'
import { stamped } from './new-message.ts'
import { configOf, offerTools } from './offer-tools.ts'
import { parseArguments } from './parse-arguments.ts'
import { type CallPlan, planCall } from './plan-calls.ts'
import type { Conclusion, LoopEvent, LoopPorts, LoopState, OpenAnswer, StepResult } from './state.ts'
import { estimateTokens, USAGE_NONE } from './tokens.ts'
import { clampClientReturn, denialOf, refusalOf, toolReturnCharsMax } from './tool-return.ts'
import { endsLoop, outstandingTools } from './tool-rules.ts'
import { turnHistory } from './turn-history.ts'

/**
 * Closes the calls of an approval request as it was answered: runs what was approved and what waited beside it, takes
 * what the client has run, and stores one message with all results. No model is asked.
 */
export async function* answerApproval(
  state: LoopState,
  answer: OpenAnswer,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, StepResult> {
  const stepId = answer.request.stepId
  if (!stepId) throw new Error(`${answer.request.id} has no step`)
  const nextStepId = newId('step')
  const start = ports.monotonicNs()
  const startWall = ports.wallNs()
  const plans = plansFor(state, answer, ports)
  const runs = plans.flatMap(({ plan }) => (plan?.type === 'run' ? [plan.planned] : []))
  const ran = await ports.runCalls(
    { id: stepId, journal: { reply: journalReply(answer), executions: answer.executions } },
    null,
    runs,
  )
  const committed = await ports.commit({
    step: null,
    messageStepId: stepId,
    nextStepId,
    unsaved: stamped(state.unsaved, state, stepId),
    config: configOf(state),
    usage: USAGE_NONE,
    times: { stepStartNs: startWall, toolExecutionNs: ran.longestNs, stepNs: ports.monotonicNs() - start },
    trace: null,
    calibration: null,
    prompt: null,
    askedLength: state.scope.contextLength,
    withheld: null,
    left: ran.left,
    conclude: (last) => concludeAnswer(state, answer, plans, [...ran.returns, ...last], nextStepId, ports),
    keepOpen: ({ messages, contextTokens }) =>
      compactionDue(state, state.context.length + messages.length, contextTokens),
  })
  return yield* afterCommit(state, committed, null, stepId, ports, signal)
}

function journalReply(answer: OpenAnswer) {
  return {
    messageId: answer.request.id,
    content: [],
    toolCalls: answer.request.toolCalls,
    usage: USAGE_NONE,
    finish: 'tool_calls' as const,
  }
}

/** What becomes of one call: a result that is there, or a plan to run it. */
type Closed = { call: ToolCall; fate: CallFate; result: ToolReturn | null; plan: CallPlan | null }

/** In the order in which results are stored: the client's, the denied, then what is run. */
function plansFor(state: LoopState, answer: OpenAnswer, ports: LoopPorts): Closed[] {
  const time = formatLocalTime(ports.now(), state.agent.timezone)
  const charsMax = toolReturnCharsMax(configOf(state).context_window)
  const client: Closed[] = []
  const denied: Closed[] = []
  const approved: Closed[] = []
  for (const call of answer.request.toolCalls) {
    const decision = answer.response.answers.find(({ callId }) => callId === call.id)
    if (decision?.type === 'tool') {
      const result = clampClientReturn({ ...decision.return, name: call.name, time }, charsMax)
      client.push({ call, fate: 'answered', result, plan: null })
    } else if (decision?.type === 'approval' && decision.approve) {
      approved.push(planApproved(state, call, time))
    } else {
      denied.push({
        call,
        fate: 'answered',
        result: denialOf(call, decision?.reason ?? null, time),
        plan: null,
      })
    }
  }
  return [
    ...client,
    ...denied,
    ...approved,
    ...answer.besides.map((call) => planBeside(state, answer, call, time)),
  ]
}

/** The answer holds for the call as it was asked for, whatever the rules say by now; only the tool must still be there. */
function planApproved(state: LoopState, call: ToolCall, time: string): Closed {
  const tool = state.agent.tools.find((candidate) => candidate.name === call.name)
  const parsed = parseArguments(call.arguments)
  if (!tool || !parsed.ok) {
    const text = tool
      ? 'The arguments are not valid JSON.'
      : `Tool not found: ${call.name} is no longer attached to the agent.`
    return { call, fate: 'not_run', result: refusalOf(call, text, time), plan: null }
  }
  const fate = endsLoop(state.agent.toolRules, call.name) ? 'ended_loop' : 'ran'
  return { call, fate, result: null, plan: { type: 'run', planned: { call, tool, args: parsed.args }, fate } }
}

/** A call that was refused when it was made stays refused: what is stored of it is not what the model wrote. */
function planBeside(state: LoopState, { executions }: OpenAnswer, call: ToolCall, time: string): Closed {
  const refusal = executions.find(
    (execution) => execution.callId === call.id && execution.state === 'refused',
  )
  if (refusal) return { call, fate: 'not_run', result: refusal.result, plan: null }
  const plan = planCall(call, { state, offer: offerTools(state), finish: 'tool_calls', time })
  if (plan.type === 'held') {
    const text = `${call.name} needs an approval by now that it did not have when it was called.`
    return { call, fate: 'not_run', result: refusalOf(call, text, time), plan: null }
  }
  return { call, fate: plan.fate, result: plan.type === 'refused' ? plan.result : null, plan }
}

function concludeAnswer(
  state: LoopState,
  answer: OpenAnswer,
  plans: Closed[],
  returns: ToolReturn[],
  nextStepId: StepId,
  ports: LoopPorts,
): Conclusion {
  const results = plans.flatMap(
    ({ call, result }) => result ?? returns.find(({ callId }) => callId === call.id) ?? [],
  )
  // The message is called after what was run here; nothing was, where the client or a denial gave every result.
  const firstRun = plans.find(({ plan }) => plan?.type === 'run')
  const message = toolMessage(state, ports, answer.request.stepId, results, firstRun?.call.name ?? null)
  const messages = [message, ...stamped(state.followUps, state, nextStepId)]
  const called = turnHistory({ ...state, context: [...state.context, message] }).map(({ name }) => name)
  const available = state.agent.tools.map((tool) => tool.name)
  const continuation = decideContinuation({
    calls: plans.map(({ fate }) => fate),
    goesOn: true,
    goOnText: null,
    paused: false,
    finish: 'tool_calls',
    outstanding: outstandingTools(state.agent.toolRules, available, called),
    forcedInVain: false,
    starved: false,
    isLastStep: false,
    nudges: 0,
  })
  const stops = continuation.type === 'stop' && state.followUps.length === 0
  const before = state.scope.contextTokens ?? 0
  return {
    messages,
    approval: null,
    outcome: stops ? { stopReason: continuation.reason, error: null } : null,
    contextTokens: before + estimateTokens(messages, [], state.scope.tokenCalibration),
  }
}
