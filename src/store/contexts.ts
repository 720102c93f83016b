import { sql, type Updateable } from 'kysely'
import type { ConversationId, MessageId, OrganizationId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Withheld } from '../domain/withheld.ts'
import { toRow } from './message-rows.ts'
import { appendContext, contextItems } from './messages.ts'
import type { ConversationsTable, Db } from './schema.ts'
import { SCOPE_ROW_COLUMNS, type ScopeRow } from './scopes.ts'
import { statement } from './statement.ts'

export type ScopeChange = {
  /** Messages that were stored: they count in the history. */
  stored: number
  contextTokens?: number
  /** Learnt from a provider's own count; null or absent: nothing was learnt. */
  calibration?: number | null
  prompt?: { basis: string } | null
  /** Up to where a provider has taken the context. */
  provenOrdinal?: number
  /** Parts that a provider gets no more. */
  withheld?: Withheld | null
}

/** Stores messages at the end of a scope's history and context and keeps its numbers, under the scope's lock. */
export async function appendMessages(
  tx: Db,
  scope: ScopeRow,
  messages: Message[],
  change: Omit<ScopeChange, 'stored'>,
): Promise<ScopeRow> {
  const owner = {
    organizationId: scope.organization_id,
    agentId: scope.agent_id,
    conversationId: scope.id,
  }
  const at = { epoch: scope.context_epoch, length: scope.context_length }
  const stored = { ...change, stored: messages.length }
  const columns = { context_length: scope.context_length + messages.length }
  if (messages.length === 0) return updateScope(tx, scope, stored, columns)
  const items = contextItems(
    scope,
    at,
    messages.map(({ id }) => id),
  )
  const rows = messages.map((message) => toRow(message, owner))
  const [updated] = await append(
    tx,
    { rows, items, key: keyOf(scope), columns: { ...columns, ...columnsOf(scope, stored) } },
    { compiled: Boolean(change.prompt) },
  )
  if (!updated) throw new Error(`${scope.id} is gone`)
  return updated
}

type Key = { organizationId: OrganizationId; id: ConversationId }
type Appended = {
  rows: ReturnType<typeof toRow>[]
  items: ReturnType<typeof contextItems>
  key: Key
  columns: Updateable<ConversationsTable>
}

const append = statement((db, { rows, items, key, columns }: Appended, { compiled }: { compiled: boolean }) =>
  db
    .with('new_messages', (db) => db.insertInto('messages').values(rows).returning('id'))
    .with('new_items', (db) => db.insertInto('context_items').values(items).returning('ordinal'))
    .updateTable('conversations')
    .set(changed(columns, compiled))
    .where('organization_id', '=', key.organizationId)
    .where('id', '=', key.id)
    .returning(SCOPE_ROW_COLUMNS),
)

/** Adds stored messages to the end of a scope's context and keeps its numbers, under the scope's lock. */
export async function extendContext(
  tx: Db,
  scope: ScopeRow,
  ids: MessageId[],
  change: ScopeChange,
): Promise<ScopeRow> {
  const at = { epoch: scope.context_epoch, length: scope.context_length }
  await appendContext(tx, scope, at, ids)
  return updateScope(tx, scope, change, { context_length: scope.context_length + ids.length })
}

/** Puts another list in the place of a scope's context: a new epoch, so that nobody ever sees half of each. */
export async function replaceContext(
  tx: Db,
  scope: ScopeRow,
  ids: MessageId[],
  change: ScopeChange,
): Promise<ScopeRow> {
  const epoch = scope.context_epoch + 1
  await appendContext(tx, scope, { epoch, length: 0 }, ids)
  await tx
    .deleteFrom('context_items')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .where('epoch', '<', epoch)
    .execute()
  return updateScope(tx, scope, change, {
    context_epoch: epoch,
    context_length: ids.length,
    compaction_failed_at: null,
    proven_ordinal: -1,
  })
}

async function updateScope(
  tx: Db,
  scope: ScopeRow,
  change: ScopeChange,
  columns: Partial<
    Pick<ScopeRow, 'context_epoch' | 'context_length' | 'compaction_failed_at' | 'proven_ordinal'>
  >,
): Promise<ScopeRow> {
  return tx
    .updateTable('conversations')
    .set(changed({ ...columns, ...columnsOf(scope, change) }, Boolean(change.prompt)))
    .where('organization_id', '=', scope.organization_id)
    .where('id', '=', scope.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

function keyOf(scope: ScopeRow): Key {
  return { organizationId: scope.organization_id, id: scope.id }
}

function columnsOf(scope: ScopeRow, change: ScopeChange): Updateable<ConversationsTable> {
  return {
    message_count: scope.message_count + change.stored,
    ...(change.contextTokens !== undefined && { context_tokens: Math.round(change.contextTokens) }),
    ...(change.calibration && { token_calibration: change.calibration }),
    ...(change.prompt && { prompt_basis: change.prompt.basis }),
    ...(change.provenOrdinal !== undefined && { proven_ordinal: change.provenOrdinal }),
    ...(change.withheld && { withheld: JSON.stringify(change.withheld) }),
  }
}

function changed(columns: Updateable<ConversationsTable>, compiled: boolean) {
  return {
    ...columns,
    ...(compiled && { prompt_compiled_at: sql<string>`now()` }),
    updated_at: sql<string>`now()`,
  }
}

/** The system message of a scope's context. */
export async function findSystemMessageId(db: Db, scope: ScopeRow): Promise<MessageId | undefined> {
  const row = await db
    .selectFrom('context_items')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .where('epoch', '=', scope.context_epoch)
    .where('ordinal', '=', 0)
    .select('message_id')
    .executeTakeFirst()
  return row?.message_id
}

/** Of system messages: those that stand at the beginning of a context, with its conversation. */
export async function findPromptScopes(
  db: Db,
  organizationId: OrganizationId,
  ids: MessageId[],
): Promise<{ messageId: MessageId; conversationId: ConversationId }[]> {
  const rows = await db
    .selectFrom('context_items as item')
    .innerJoin('conversations as scope', (join) =>
      join
        .onRef('scope.organization_id', '=', 'item.organization_id')
        .onRef('scope.id', '=', 'item.conversation_id')
        .onRef('scope.context_epoch', '=', 'item.epoch'),
    )
    .where('item.organization_id', '=', organizationId)
    .where('item.message_id', 'in', ids)
    .where('item.ordinal', '=', 0)
    .select(['item.message_id', 'item.conversation_id'])
    .execute()
  return rows.map((row) => ({ messageId: row.message_id, conversationId: row.conversation_id }))
}

/** Remembers what a provider gets no more, though the turn that has found it out has failed. */
export async function saveWithheld(
  tx: Db,
  scope: Pick<ScopeRow, 'organization_id' | 'id'>,
  withheld: Withheld,
): Promise<void> {
  await tx
    .updateTable('conversations')
    .set({ withheld: JSON.stringify(withheld) })
    .where('organization_id', '=', scope.organization_id)
    .where('id', '=', scope.id)
    .execute()
}

/** Remembers at which length a compaction did not help. */
export async function saveCompactionFailed(
  db: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
  contextLength: number,
): Promise<void> {
  await db
    .updateTable('conversations')
    .set({ compaction_failed_at: contextLength })
    .where('organization_id', '=', organizationId)
    .where('id', '=', conversationId)
    .execute()
}
