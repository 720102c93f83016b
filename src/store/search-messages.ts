import { sql } from 'kysely'
import { unpack } from '../domain/envelope.ts'
import type { AgentId, OrganizationId } from '../domain/id.ts'
import { type AssistantPart, type Message, textOf } from '../domain/message.ts'
import type { FoundMessage, MessageSearch } from '../domain/search.ts'
import { toMessage } from './message-rows.ts'
import type { Db } from './schema.ts'

const ROLES = ['user', 'assistant', 'tool'] as const

/**
 * Messages of an agent, in all its conversations and whether or not they are still in a context: by words (best first),
 * or the newest. Results of earlier searches, and the calls that made them, are not found again.
 */
export async function searchMessages(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  search: MessageSearch,
): Promise<FoundMessage[]> {
  let query = db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
    .where('role', 'in', search.roles ?? [...ROLES])
    .where('is_err', '=', false)
    .where('search_text', 'is not', null)
    .where(sql<boolean>`not coalesce(name = 'conversation_search', false)`)
    .where(sql<boolean>`not coalesce(tool_calls @> '[{"name": "conversation_search"}]', false)`)
    .limit(search.limit)
    .selectAll()
  if (search.from !== null) query = query.where('created_at', '>=', search.from)
  if (search.to !== null) query = query.where('created_at', '<=', search.to)
  if (search.query === null)
    return (await query.orderBy('sequence_id', 'desc').execute()).map((row) => found(toMessage(row), null))
  const words = sql`websearch_to_tsquery('simple', ${search.query})`
  const text = sql`to_tsvector('simple', coalesce(search_text, ''))`
  const escaped = `%${search.query.replace(/[\\%_]/g, '\\$&')}%`
  const rows = await query
    .where((where) => where.or([sql<boolean>`${text} @@ ${words}`, where('search_text', 'ilike', escaped)]))
    .orderBy(sql`ts_rank(${text}, ${words})`, 'desc')
    .orderBy('sequence_id', 'desc')
    .execute()
  return rows.map((row, index) => found(toMessage(row), index + 1))
}

function found(message: Message, rank: number | null): FoundMessage {
  const at = { createdAt: message.createdAt, rank }
  switch (message.role) {
    case 'assistant':
      return {
        role: 'assistant',
        text: textOf(message.content),
        thinking: thinkingOf(message.content),
        ...at,
      }
    case 'tool': {
      const texts = message.returns.map(({ output }) =>
        typeof output === 'string' ? output : JSON.stringify(output),
      )
      return { role: 'tool', text: texts.join('\n'), thinking: null, ...at }
    }
    default:
      return { role: 'user', text: userText(message), thinking: null, ...at }
  }
}

function userText(message: Message): string {
  if (!('content' in message)) return ''
  const text = textOf(message.content)
  const packed = unpack(text)
  return typeof packed?.message === 'string' ? packed.message : text
}

function thinkingOf(parts: AssistantPart[]): string | null {
  const thoughts = parts.flatMap((part) => (part.type === 'reasoning' ? [part.reasoning] : []))
  return thoughts.length > 0 ? thoughts.join('\n') : null
}
