import { sql } from 'kysely'
import type { ConversationId, MessageId, OrganizationId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import { MESSAGE_COLUMNS, type MessageOwner, toMessage, toRow } from './message-rows.ts'
import type { Db } from './schema.ts'
import type { ScopeRow } from './scopes.ts'
import { statement } from './statement.ts'

/** Stores messages at the end of the history, in the order given. */
export async function insertMessages(db: Db, owner: MessageOwner, messages: Message[]): Promise<void> {
  if (messages.length === 0) return
  await db
    .insertInto('messages')
    .values(messages.map((message) => toRow(message, owner)))
    .execute()
}

/** Replaces the text of a stored message: only the system message ever changes. */
export async function updateSystemMessage(
  db: Db,
  organizationId: OrganizationId,
  id: MessageId,
  text: string,
): Promise<void> {
  await db
    .updateTable('messages')
    .set({ content: JSON.stringify([{ type: 'text', text }]), updated_at: sql<string>`now()` })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
}

/** The context of a scope, in order. The first is the system message. */
export async function readContext(
  db: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
): Promise<Message[]> {
  const rows = await selectContext(db, { organizationId, conversationId })
  return rows.map(toMessage)
}

type ContextArgs = { organizationId: OrganizationId; conversationId: ConversationId }

const selectContext = statement((db, args: ContextArgs) =>
  db
    .selectFrom('context_items as item')
    .innerJoin('messages as message', (join) =>
      join
        .onRef('message.organization_id', '=', 'item.organization_id')
        .onRef('message.id', '=', 'item.message_id'),
    )
    .where('item.organization_id', '=', args.organizationId)
    .where('item.conversation_id', '=', args.conversationId)
    .where('item.epoch', '=', (query) =>
      query
        .selectFrom('conversations')
        .where('organization_id', '=', args.organizationId)
        .where('id', '=', args.conversationId)
        .select('context_epoch'),
    )
    .orderBy('item.ordinal')
    .select(MESSAGE_COLUMNS.map((name) => `message.${name}` as const)),
)

/** Adds to the end of a context whose last ordinal is `length - 1`. */
export async function appendContext(
  db: Db,
  scope: Pick<ScopeRow, 'organization_id' | 'id'>,
  at: ContextEnd,
  ids: MessageId[],
): Promise<void> {
  if (ids.length === 0) return
  // One value for all ids: a statement takes 65,535 values, and a context may be longer than that.
  await sql`
    insert into context_items (organization_id, conversation_id, epoch, ordinal, message_id)
    select ${scope.organization_id}, ${scope.id}, ${at.epoch}::int, ${at.length}::int + ordinality - 1, id
    from unnest(${ids}::text[]) with ordinality as given (id)
  `.execute(db)
}

/** Where a context ends: the ordinal of the next item is its length. */
type ContextEnd = { epoch: number; length: number }

export async function hasMessage(db: Db, organizationId: OrganizationId, id: MessageId): Promise<boolean> {
  const row = await db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select('id')
    .executeTakeFirst()
  return row !== undefined
}
