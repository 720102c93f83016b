import { statsToWire } from '../../domain/envelope.ts'
import type { MessageView, ViewBody, ViewHead } from '../../domain/frame.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { ApprovalAnswer, ToolCall, ToolReturn } from '../../domain/message.ts'
import { resultText, toWireResultParts, toWireUserParts } from './parts.ts'

/** A message as clients read it. Every field is there, nulls included, in the old server's order. */
export function toWireMessage(view: MessageView, seqId: number | null): JsonObject {
  return { ...toWireHead(view, view.type, seqId), ...toWireBody(view, view.id) }
}

/** The fields that all messages have. */
export function toWireHead(head: ViewHead, messageType: string, seqId: number | null): JsonObject {
  return {
    id: head.id,
    date: toWireDate(head.createdAt),
    name: head.name,
    message_type: messageType,
    otid: head.otid,
    sender_id: head.senderId,
    step_id: head.stepId,
    is_err: head.isErr || null,
    seq_id: seqId,
    run_id: head.runId,
  }
}

/** `2026-03-02T09:15:04.120331Z` → `2026-03-02T09:15:04+00:00`. */
export function toWireDate(timestamp: string): string {
  return `${timestamp.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)}+00:00`
}

function toWireBody(body: ViewBody, id: string): JsonObject {
  switch (body.type) {
    case 'system_message':
    case 'assistant_message':
      return { content: body.content }
    case 'user_message':
      return { content: typeof body.content === 'string' ? body.content : toWireUserParts(body.content, id) }
    case 'reasoning_message':
      return { source: body.source, reasoning: body.reasoning, signature: body.signature }
    case 'hidden_reasoning_message':
      return { state: body.state, hidden_reasoning: body.hiddenReasoning }
    case 'tool_call_message':
    case 'approval_request_message':
      return toWireCalls(body.toolCalls)
    case 'tool_return_message':
      return toWireReturns(body.returns)
    case 'approval_response_message':
      return toWireAnswers(body.answers)
    case 'summary_message':
      return { summary: body.summary, compaction_stats: body.stats && statsToWire(body.stats) }
    case 'event_message':
      return { event_type: body.eventType, event_data: body.eventData }
  }
}

/** `tool_call` is from the time when an answer had one call. */
function toWireCalls(toolCalls: ToolCall[]): JsonObject {
  const calls = toolCalls.map((call) => ({
    name: call.name,
    arguments: call.arguments,
    tool_call_id: call.id,
  }))
  return { tool_call: calls[0] ?? null, tool_calls: calls }
}

/** The fields before `tool_returns` mirror the first of them, as text. */
function toWireReturns(returns: ToolReturn[]): JsonObject {
  const [first] = returns
  const mirror = first && {
    tool_return: resultText(first.output),
    status: first.status,
    tool_call_id: first.callId,
    stdout: first.stdout,
    stderr: first.stderr,
  }
  return { ...mirror, tool_returns: returns.map((result) => toWireReturn(result, wireOutput(result))) }
}

function wireOutput({ output }: ToolReturn): string | JsonObject[] {
  return Array.isArray(output) ? toWireResultParts(output) : resultText(output)
}

function toWireReturn(result: ToolReturn, output: string | JsonObject[]): JsonObject {
  return {
    type: 'tool',
    tool_return: output,
    status: result.status,
    tool_call_id: result.callId,
    stdout: result.stdout,
    stderr: result.stderr,
  }
}

/**
 * The fields behind `approvals` mirror the first decision; results that a client sent have none to mirror.
 */
export function toWireAnswers(answers: ApprovalAnswer[]) {
  const first = answers.find((answer) => answer.type === 'approval')
  return {
    approvals: answers.map(toWireAnswer),
    approve: first?.approve ?? null,
    approval_request_id: first?.callId ?? null,
    reason: first?.reason ?? null,
  }
}

function toWireAnswer(answer: ApprovalAnswer): JsonObject {
  switch (answer.type) {
    case 'approval':
      return { type: 'approval', tool_call_id: answer.callId, approve: answer.approve, reason: answer.reason }
    case 'tool':
      return toWireReturn({ ...answer.return, callId: answer.callId }, resultText(answer.return.output))
  }
}
