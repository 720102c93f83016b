import { randomUUID } from 'node:crypto'
import type { DeltaBody, NumberedFrame, RequestUsage, ViewHead } from '../../domain/frame.ts'
import type { RunId } from '../../domain/id.ts'
import type { JsonObject } from '../../domain/json.ts'
import { toWireHead, toWireMessage } from './message.ts'

/** Closes every stream. */
export const STREAM_END = 'data: [DONE]\n\n'

/**
 * A frame of a run's stream as server-sent event text. An error is an event of its own kind: official clients
 * throw it.
 */
export function encodeFrame(numbered: NumberedFrame, runId: RunId): string {
  const event = numbered.frame.kind === 'error' ? 'event: error\n' : ''
  return `${event}data: ${JSON.stringify(toWireFrame(numbered, runId))}\n\n`
}

/**
 * Tells a silent stream's reader that it still lives. Repeats the last number, and is not part of the log.
 */
export function encodePing(seq: number, runId: RunId): string {
  return encodeFrame({ seq, frame: { kind: 'ping' } }, runId)
}

/** The event's JSON. Every kind carries the run and the number. */
export function toWireFrame({ seq, frame }: NumberedFrame, runId: RunId): JsonObject {
  switch (frame.kind) {
    case 'ping':
      return toWireHead(pingHead(runId), 'ping', seq)
    case 'message':
      return toWireMessage({ ...frame.view, runId: frame.view.runId ?? runId }, seq)
    case 'delta': {
      const head = { ...frame.head, runId: frame.head.runId ?? runId }
      return { ...toWireHead(head, frame.body.type, seq), ...toWireDelta(frame.body) }
    }
    case 'stop':
      return { message_type: 'stop_reason', stop_reason: frame.stopReason, run_id: runId, seq_id: seq }
    case 'error':
      return {
        message_type: 'error_message',
        run_id: runId,
        error_type: frame.error.errorType,
        message: frame.error.message,
        detail: frame.error.detail,
        seq_id: seq,
      }
    case 'usage':
      return { ...toWireUsage(frame.usage), run_id: runId, seq_id: seq }
  }
}

/** A provider that reports its cache at all wrote nothing to it, and thought nothing, where it does not say so. */
export function toWireUsage(usage: RequestUsage): JsonObject {
  const silent = usage.cachedInput === null ? null : 0
  return {
    message_type: 'usage_statistics',
    completion_tokens: usage.completion,
    prompt_tokens: usage.prompt,
    total_tokens: usage.total,
    step_count: usage.stepCount,
    run_ids: usage.runIds,
    cached_input_tokens: usage.cachedInput,
    cache_write_tokens: usage.cacheWrite ?? silent,
    reasoning_tokens: usage.reasoning ?? silent,
    context_tokens: usage.contextTokens,
  }
}

function pingHead(runId: RunId): ViewHead {
  return {
    id: `ping-${randomUUID()}`,
    createdAt: new Date().toISOString(),
    name: null,
    otid: null,
    senderId: null,
    stepId: null,
    isErr: false,
    runId,
  }
}

/** Only the new piece. Of a call, only what the piece brings; `tool_calls` is one object here, not a list. */
function toWireDelta(body: DeltaBody): JsonObject {
  switch (body.type) {
    case 'assistant_message':
      return { content: body.text }
    case 'reasoning_message':
      return { source: body.source, reasoning: body.text, signature: body.signature }
    case 'hidden_reasoning_message':
      return { state: body.state, hidden_reasoning: body.hiddenReasoning }
    case 'tool_call_message':
    case 'approval_request_message': {
      const piece = {
        ...(body.name !== null && { name: body.name }),
        ...(body.arguments !== null && { arguments: body.arguments }),
        tool_call_id: body.callId,
      }
      return { tool_call: piece, tool_calls: piece }
    }
  }
}
