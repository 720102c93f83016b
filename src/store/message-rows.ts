import type { Insertable, Selectable } from 'kysely'
import type { AgentId, ConversationId, OrganizationId } from '../domain/id.ts'
import type { AssistantPart, Message, MessageHead, TextPart, UserPart } from '../domain/message.ts'
import { textOf, toolCallsOf } from '../domain/message.ts'
import type { MessagesTable } from './schema.ts'

/** The columns that a message is made of: not those that it is only found by. */
export const MESSAGE_COLUMNS = [
  'id',
  'role',
  'content',
  'tool_calls',
  'tool_returns',
  'answers',
  'otid',
  'step_id',
  'run_id',
  'sender_id',
  'group_id',
  'name',
  'model',
  'is_err',
  'created_at',
] as const satisfies (keyof MessagesTable)[]

export type MessageRow = Pick<Selectable<MessagesTable>, (typeof MESSAGE_COLUMNS)[number]>

export type MessageOwner = {
  organizationId: OrganizationId
  agentId: AgentId
  conversationId: ConversationId
}

/** A row as the message that it is. The database's columns allow combinations that no role has; nobody writes them. */
export function toMessage(row: MessageRow): Message {
  const head = headOf(row)
  switch (row.role) {
    case 'system':
    case 'summary':
      return { ...head, role: row.role, content: (row.content ?? []) as TextPart[] }
    case 'user':
      return { ...head, role: row.role, content: (row.content ?? []) as UserPart[] }
    case 'assistant':
    case 'approval_request':
      return {
        ...head,
        role: row.role,
        content: (row.content ?? []) as AssistantPart[],
        toolCalls: row.tool_calls ?? [],
      }
    case 'tool':
      return { ...head, role: row.role, returns: row.tool_returns ?? [] }
    case 'approval_response':
      return { ...head, role: row.role, answers: row.answers ?? [] }
  }
}

function headOf(row: MessageRow): MessageHead {
  return {
    id: row.id,
    otid: row.otid,
    createdAt: row.created_at,
    stepId: row.step_id,
    runId: row.run_id,
    senderId: row.sender_id,
    groupId: row.group_id,
    name: row.name,
    isErr: row.is_err,
    model: row.model,
  }
}

export function toRow(message: Message, owner: MessageOwner): Insertable<MessagesTable> {
  return {
    organization_id: owner.organizationId,
    agent_id: owner.agentId,
    conversation_id: owner.conversationId,
    id: message.id,
    role: message.role,
    content: 'content' in message ? JSON.stringify(message.content) : null,
    tool_calls: 'toolCalls' in message ? JSON.stringify(message.toolCalls) : null,
    tool_returns: message.role === 'tool' ? JSON.stringify(message.returns) : null,
    answers: message.role === 'approval_response' ? JSON.stringify(message.answers) : null,
    call_ids: callIdsOf(message),
    search_text: searchTextOf(message),
    otid: message.otid,
    step_id: message.stepId,
    run_id: message.runId,
    sender_id: message.senderId,
    group_id: message.groupId,
    name: message.name,
    model: message.model,
    is_err: message.isErr,
    created_at: message.createdAt,
  }
}

/** The calls that a message asks for or answers: an answer that comes twice is found by them. */
function callIdsOf(message: Message): string[] | null {
  if (message.role === 'tool') return message.returns.map((result) => result.callId)
  const calls = toolCallsOf(message).map((call) => call.id)
  return calls.length > 0 ? calls : null
}

/** What a search finds a message by: people's and the agent's words, and the text of results. */
function searchTextOf(message: Message): string | null {
  switch (message.role) {
    case 'user':
    case 'assistant':
    case 'approval_request':
      return bounded(textOf(message.content))
    case 'tool':
      return bounded(
        message.returns.map(({ output }) => (typeof output === 'string' ? output : '')).join('\n'),
      )
    case 'system':
    case 'summary':
    case 'approval_response':
      return null
  }
}

/** A `tsvector` holds at most 1 MB; long results are found by their beginning. */
const SEARCHED_CHARS_MAX = 200_000

function bounded(text: string): string | null {
  return text === '' ? null : text.slice(0, SEARCHED_CHARS_MAX).toWellFormed()
}
