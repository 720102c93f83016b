import { type MessageId, newId, type RunId, type StepId } from './id.ts'
import type { JsonObject } from './json.ts'

/** `signature` is the provider's opaque proof of a part. It is sent back to the model that made it, byte for byte. */
export type TextPart = { type: 'text'; text: string; signature?: string }

/** `base64` is what a model can be given. `url` is only met at the border: admission fetches it. */
export type ImageSource =
  | { type: 'base64'; mediaType: string; data: string; detail?: string }
  | { type: 'url'; url: string }
export type ImagePart = { type: 'image'; source: ImageSource }

export type ReasoningPart =
  /** The model's own thinking; `isNative` false: written as text by a model that was asked to think aloud. */
  | { type: 'reasoning'; reasoning: string; isNative: boolean; signature?: string }
  | { type: 'redacted_reasoning'; data: string }
  | { type: 'omitted_reasoning'; signature?: string }
  /** OpenAI Responses: an item with an id, a summary in pieces, and the encrypted original. */
  | { type: 'summarized_reasoning'; id: string; summary: string[]; encryptedContent?: string }

export type UserPart = TextPart | ImagePart
export type AssistantPart = TextPart | ReasoningPart

/** `arguments` is the model's JSON text as it came, or re-serialised once it was cleaned. */
export type ToolCall = { id: string; name: string; arguments: string; signature?: string }

/**
 * What a tool answered. `output` is text, an object that stays an object, parts (text and images) from a client, or
 * null: nothing.
 * `time` is the agent's local time when the tool ended: the model reads it in the envelope (see `envelope.ts`).
 */
export type ToolReturn = {
  callId: string
  name: string | null
  status: 'success' | 'error'
  output: string | JsonObject | UserPart[] | null
  time: string
  stdout: string[] | null
  stderr: string[] | null
}

/** One decision on one call of an open approval request. */
export type ApprovalAnswer =
  | { type: 'approval'; callId: string; approve: boolean; reason: string | null }
  | { type: 'tool'; callId: string; return: ToolReturn }

export type MessageHead = {
  id: MessageId
  /** The client's own id, or null where it is derived from `id` (see `otid.ts`). */
  otid: string | null
  /** RFC 3339, UTC, microseconds. */
  createdAt: string
  stepId: StepId | null
  runId: RunId | null
  senderId: string | null
  groupId: string | null
  name: string | null
  /** The input of a run that failed before its first checkpoint: kept, but outside the context. */
  isErr: boolean
  /** The model (provider's name for it) that wrote the message: signatures are valid only for it. */
  model: string | null
}

export type MessageBody =
  | { role: 'system'; content: TextPart[] }
  | { role: 'user'; content: UserPart[] }
  | { role: 'assistant'; content: AssistantPart[]; toolCalls: ToolCall[] }
  | { role: 'tool'; returns: ToolReturn[] }
  /**
   * The calls that wait for the user or for the client. The calls of the same answer that do not wait are in the assistant
   * message before it, and so is what the answer said, where it was streamed piece by piece.
   */
  | { role: 'approval_request'; content: AssistantPart[]; toolCalls: ToolCall[] }
  | { role: 'approval_response'; answers: ApprovalAnswer[] }
  /** A compaction's result: one text, packed as in `envelope.ts`. */
  | { role: 'summary'; content: TextPart[] }

export type Role = MessageBody['role']

/** One stored message. It becomes 0..n message views on the wire (see `view.ts`). */
export type Message = MessageHead & MessageBody
export type MessageOf<R extends Role> = MessageHead & Extract<MessageBody, { role: R }>

/** The calls that a message asks for; empty for the roles that ask for none. */
export function toolCallsOf(message: Message): ToolCall[] {
  return message.role === 'assistant' || message.role === 'approval_request' ? message.toolCalls : []
}

/** The half of an answer that stands before the request at this index, which holds the calls that had to wait. */
export function halfBefore(messages: Message[], index: number): MessageOf<'assistant'> | undefined {
  const before = messages[index - 1]
  const request = messages[index]
  if (before?.role !== 'assistant' || request?.role !== 'approval_request') return undefined
  return before.stepId === request.stepId ? before : undefined
}

export function textOf(parts: (UserPart | AssistantPart)[], separator = '\n'): string {
  return parts
    .filter((part): part is TextPart => part.type === 'text')
    .map((part) => part.text)
    .join(separator)
}

/** A context without the system message in front of it. */
export function withoutSystem(context: Message[]): Message[] {
  return context[0]?.role === 'system' ? context.slice(1) : context
}

/** What a message has besides what it says, when it is made: nothing but an id and a time, unless `more` says otherwise. */
export function newHead(createdAt: string, more: Partial<MessageHead> = {}): MessageHead {
  return {
    id: newId('message'),
    otid: null,
    createdAt,
    stepId: null,
    runId: null,
    senderId: null,
    groupId: null,
    name: null,
    isErr: false,
    model: null,
    ...more,
  }
}
