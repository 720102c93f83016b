import type { CompactionStats } from './envelope.ts'
import type { RunError } from './failure.ts'
import type { MessageId, RunId, StepId } from './id.ts'
import type { JsonObject } from './json.ts'
import type { ApprovalAnswer, ToolCall, ToolReturn, UserPart } from './message.ts'
import type { StopReason } from './stop-reason.ts'

export const MESSAGE_TYPES = [
  'system_message',
  'user_message',
  'assistant_message',
  'reasoning_message',
  'hidden_reasoning_message',
  'tool_call_message',
  'tool_return_message',
  'approval_request_message',
  'approval_response_message',
  'summary_message',
  'event_message',
] as const
export type MessageType = (typeof MESSAGE_TYPES)[number]

export type ViewHead = {
  id: MessageId | string
  /** RFC 3339, UTC, microseconds; the wire shows whole seconds. */
  createdAt: string
  name: string | null
  otid: string | null
  senderId: string | null
  stepId: StepId | null
  isErr: boolean
  runId: RunId | null
}

export type ViewBody =
  | { type: 'system_message'; content: string }
  | { type: 'user_message'; content: string | UserPart[] }
  | { type: 'assistant_message'; content: string; signature: string | null }
  | {
      type: 'reasoning_message'
      source: 'reasoner_model' | 'non_reasoner_model'
      reasoning: string
      signature: string | null
    }
  | { type: 'hidden_reasoning_message'; state: 'redacted' | 'omitted'; hiddenReasoning: string | null }
  | { type: 'tool_call_message'; toolCalls: ToolCall[] }
  | { type: 'tool_return_message'; returns: ToolReturn[] }
  | { type: 'approval_request_message'; toolCalls: ToolCall[] }
  | { type: 'approval_response_message'; answers: ApprovalAnswer[] }
  | { type: 'summary_message'; summary: string; stats: CompactionStats | null }
  | { type: 'event_message'; eventType: 'compaction'; eventData: JsonObject }

/** A message as callers see it. One stored message is shown as 0..n of them. */
export type MessageView = ViewHead & ViewBody

/** A piece of a message view that is still being written. Pieces with one `id` and `type` belong together. */
export type DeltaBody =
  | { type: 'assistant_message'; text: string }
  | {
      type: 'reasoning_message'
      source: 'reasoner_model' | 'non_reasoner_model'
      text: string
      signature: string | null
    }
  | { type: 'hidden_reasoning_message'; state: 'redacted' | 'omitted'; hiddenReasoning: string | null }
  | {
      type: 'tool_call_message' | 'approval_request_message'
      callId: string
      name: string | null
      arguments: string | null
    }

/** The usage of a whole request, as the stream's end and the blocking answer show it. */
export type RequestUsage = {
  prompt: number
  completion: number
  total: number
  stepCount: number
  cachedInput: number | null
  cacheWrite: number | null
  reasoning: number | null
  /** Tokens in the context after the request; null: not known. */
  contextTokens: number | null
  /** Runs of background agents that this request started. */
  runIds: RunId[] | null
}

/** One item of a run's stream. Numbered, stored, and shown to whoever follows the run. */
export type Frame =
  | { kind: 'ping' }
  | { kind: 'message'; view: MessageView }
  | { kind: 'delta'; head: ViewHead; body: DeltaBody }
  | { kind: 'stop'; stopReason: StopReason }
  | { kind: 'error'; error: RunError }
  | { kind: 'usage'; usage: RequestUsage }

/** `seq` rises by one from frame to frame while one process drives; it jumps only where another takes over. */
export type NumberedFrame = { seq: number; frame: Frame }

/** The first frame of every run, there from its admission on: a reader sees at once that the run exists. */
export const OPENING: NumberedFrame = { seq: 1, frame: { kind: 'ping' } }

/** The last frame of every stream. */
export function endsStream(frame: Frame): boolean {
  return frame.kind === 'usage'
}
