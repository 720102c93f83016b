import { answerBodies, callBodies } from './answer-view.ts'
import type { CompactionStats } from './envelope.ts'
import { isHeartbeat, unpack } from './envelope.ts'
import type { MessageType, MessageView, ViewBody, ViewHead } from './frame.ts'
import type { Json } from './json.ts'
import type { Message, UserPart } from './message.ts'
import { textOf } from './message.ts'
import { otidOf } from './otid.ts'
import type { TurnRequest } from './turn.ts'

export type ViewOptions = {
  /** Show summaries as `summary_message`; otherwise they look like a user's message with the packed text. */
  compactionMessages: boolean
  /** What an agent's plain text is: its answer, or (for agents that answer through a tool) its thinking. */
  textIs: 'assistant_message' | 'reasoning_message'
  /** Show a call of this tool as the answer that its argument holds, and hide what the tool returned. */
  foldedTool: { name: string; argument: string } | null
}

export const PLAIN_VIEWS: ViewOptions = {
  compactionMessages: false,
  textIs: 'assistant_message',
  foldedTool: null,
}

/** How the views of one run's messages look, as its request asked. */
export function viewOptionsOf(request: TurnRequest): ViewOptions {
  const folds = request.speaksThroughTool && request.useAssistantMessage
  return {
    compactionMessages: request.includeCompactionMessages,
    textIs: request.speaksThroughTool ? 'reasoning_message' : 'assistant_message',
    foldedTool: folds ? { name: request.assistantToolName, argument: request.assistantToolKwarg } : null,
  }
}

/** Stored messages as callers see them: each becomes 0..n views, in order. */
export function viewsOf(messages: Message[], options: ViewOptions): MessageView[] {
  return messages.flatMap((message) =>
    bodiesOf(message, options).map((body, index) => ({ ...headOf(message, body, index), ...body })),
  )
}

/** Leaves the types that were asked for; null or none: all. */
export function filterViews(views: MessageView[], types: MessageType[] | null): MessageView[] {
  return types && types.length > 0 ? views.filter((view) => types.includes(view.type)) : views
}

/**
 * Whether answers and streams show a message. They leave out what the caller sent and the loop's own nudges;
 * lists show everything.
 */
export function isOutput(message: Message): boolean {
  if (message.role === 'user') return isSummary(message)
  return message.role !== 'system' && message.role !== 'approval_response'
}

/** Whether a message stands for older ones. For callers that do not know summaries it has the user's role. */
export function isSummary(message: Message): boolean {
  if (message.role !== 'user') return message.role === 'summary'
  const envelope = message.content.length === 1 ? unpack(textOf(message.content)) : undefined
  return envelope?.type === 'system_alert' && envelope.compaction_stats !== undefined
}

/** Whether a stored message is the loop's own nudge. */
export function isNudge(message: Message): boolean {
  return message.role === 'user' && message.content.length === 1 && isHeartbeat(textOf(message.content))
}

function headOf(message: Message, body: ViewBody, index: number): ViewHead {
  return {
    id: message.id,
    createdAt: message.createdAt,
    name: message.name,
    otid: otidFor(message, body, index),
    senderId: message.senderId,
    // An answer to an approval opens a run; it belongs to no step of it.
    stepId: message.role === 'approval_response' ? null : message.stepId,
    isErr: message.isErr,
    runId: message.runId,
  }
}

function otidFor(message: Message, body: ViewBody, index: number): string | null {
  switch (message.role) {
    case 'system':
    case 'user':
    case 'approval_response':
      return message.otid
    case 'approval_request':
      return body.type === 'approval_request_message' ? message.id : otidOf(message.id, index)
    case 'summary':
      return body.type === 'summary_message' ? otidOf(message.id, index) : message.otid
    case 'assistant':
      return (index === 0 ? message.otid : null) ?? otidOf(message.id, index)
    case 'tool':
      return otidOf(message.id, index)
  }
}

function bodiesOf(message: Message, options: ViewOptions): ViewBody[] {
  switch (message.role) {
    case 'system':
      return [{ type: 'system_message', content: textOf(message.content) }]
    case 'user':
      return [{ type: 'user_message', content: userContent(message.content) }]
    case 'assistant':
      return [
        ...answerBodies(message.content, options.textIs),
        ...callBodies(message.toolCalls, options.foldedTool),
      ]
    case 'approval_request':
      return [
        ...answerBodies(message.content, options.textIs),
        { type: 'approval_request_message', toolCalls: message.toolCalls },
      ]
    case 'tool': {
      const returns = message.returns.filter(
        (result) => result.name !== options.foldedTool?.name || result.status === 'error',
      )
      return returns.length > 0 ? [{ type: 'tool_return_message', returns }] : []
    }
    case 'approval_response':
      return [{ type: 'approval_response_message', answers: message.answers }]
    case 'summary':
      return [summaryBody(textOf(message.content), options)]
  }
}

/** One text is shown as text; an old row's envelope is opened when it holds a user's own words. */
function userContent(parts: UserPart[]): string | UserPart[] {
  const [first] = parts
  if (parts.length !== 1 || first?.type !== 'text') return parts
  const packed = unpack(first.text)
  return packed?.type === 'user_message' && typeof packed.message === 'string' ? packed.message : first.text
}

function summaryBody(packed: string, options: ViewOptions): ViewBody {
  if (!options.compactionMessages) return { type: 'user_message', content: packed }
  const envelope = unpack(packed)
  const text = typeof envelope?.message === 'string' ? envelope.message : packed
  return { type: 'summary_message', summary: text, stats: statsOf(envelope?.compaction_stats) }
}

function statsOf(stats: Json | undefined): CompactionStats | null {
  if (typeof stats !== 'object' || stats === null || Array.isArray(stats)) return null
  const number = (key: string) => (typeof stats[key] === 'number' ? stats[key] : null)
  return {
    trigger: String(stats.trigger),
    contextTokensBefore: number('context_tokens_before'),
    contextTokensAfter: number('context_tokens_after'),
    contextWindow: number('context_window') ?? 0,
    messagesCountBefore: number('messages_count_before') ?? 0,
    messagesCountAfter: number('messages_count_after') ?? 0,
  }
}
