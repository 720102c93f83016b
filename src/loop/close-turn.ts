import type { MessageId, RunId, StepId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import { type Message, type MessageHead, newHead, type ToolCall, type ToolReturn } from '../domain/message.ts'
import type { StoredReply, ToolExecution } from '../domain/step.ts'
import type { OpenAnswer } from './state.ts'
import { denialOf, refusalOf } from './tool-return.ts'

/** What is known of a turn that somebody else than its driver must end. */
export type OpenTurn = {
  runId: RunId
  /** The input that no commit has stored; without the answer and its follow-ups, if there is one. */
  unsaved: Message[]
  /** The approval answer that the run was started with, if its calls are not closed. */
  answer: OpenAnswer | null
  followUps: Message[]
  /** The step in flight, as far as the journal has it. */
  step: {
    id: StepId
    reply: (StoredReply & { messageId: MessageId }) | null
    executions: ToolExecution[]
  } | null
  model: string | null
  timezone: string
  now: { date: Date; timestamp: string }
}

export type Closing = 'cancelled' | 'interrupted'

/**
 * The messages that end a turn so that the history is whole: what the journal has is kept, every call gets a result, and
 * nothing waits any more. Used by whoever cancels a run, and by whoever gives one up.
 */
export function closeTurn(turn: OpenTurn, closing: Closing): Message[] {
  if (turn.answer) return closeAnswer(turn, turn.answer, closing)
  const { step } = turn
  if (!step?.reply) return turn.unsaved
  const { reply } = step
  const answer: Message = {
    ...headOf(turn, step.id),
    id: reply.messageId,
    model: turn.model,
    role: 'assistant',
    content: reply.content,
    toolCalls: reply.toolCalls,
  }
  const returns = reply.toolCalls.map((call) => closedReturn(call, step.executions, turn, closing))
  return [...turn.unsaved, answer, ...(returns.length > 0 ? [toolMessage(turn, step.id, returns)] : [])]
}

function closeAnswer(turn: OpenTurn, answer: OpenAnswer, closing: Closing): Message[] {
  const calls = [...answer.request.toolCalls, ...answer.besides]
  const returns = calls.map((call) => {
    const decision = answer.response.answers.find(({ callId }) => callId === call.id)
    if (decision?.type === 'tool') return { ...decision.return, name: call.name }
    if (decision?.type === 'approval' && !decision.approve)
      return denialOf(call, decision.reason, timeOf(turn))
    return closedReturn(call, answer.executions, turn, closing)
  })
  return [answer.response, toolMessage(turn, answer.request.stepId, returns), ...turn.followUps]
}

/** Reason of the denials that a cancel writes. Clients match on the words before it. */
export const CANCEL_REASON = 'The user cancelled the request, so the tool call was denied.'

/** The denials that take the place of an answer when the run that asked is cancelled. */
export function denyRequest(turn: OpenTurn, request: OpenAnswer['request'], besides: ToolCall[]): Message[] {
  const response: Message = {
    ...headOf(turn, request.stepId),
    role: 'approval_response',
    answers: request.toolCalls.map((call) => ({
      type: 'approval',
      callId: call.id,
      approve: false,
      reason: CANCEL_REASON,
    })),
  }
  const returns = [...request.toolCalls, ...besides].map((call) =>
    denialOf(call, CANCEL_REASON, timeOf(turn)),
  )
  return [response, toolMessage(turn, request.stepId, returns)]
}

function closedReturn(
  call: ToolCall,
  executions: ToolExecution[],
  turn: OpenTurn,
  closing: Closing,
): ToolReturn {
  const execution = executions.find(({ callId }) => callId === call.id)
  if (execution?.result) return execution.result
  const verb = closing === 'cancelled' ? 'cancelled' : 'interrupted'
  const text = execution
    ? `${call.name} was ${verb} while it ran; its outcome is unknown and it may have had its effect.`
    : `${call.name} was ${verb} before it ran.`
  return refusalOf(call, text, timeOf(turn))
}

function toolMessage(turn: OpenTurn, stepId: StepId | null, returns: ToolReturn[]): Message {
  return { ...headOf(turn, stepId), name: returns[0]?.name ?? null, role: 'tool', returns }
}

function headOf(turn: OpenTurn, stepId: StepId | null): MessageHead {
  return newHead(turn.now.timestamp, { stepId, runId: turn.runId })
}

function timeOf(turn: OpenTurn): string {
  return formatLocalTime(turn.now.date, turn.timezone)
}
