import { sql, type Updateable } from 'kysely'
import type { ConversationId, MessageId, OrganizationId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Withheld } from '../domain/withheld.ts'
import { type MessageOwner, toRow } from './message-rows.ts'
import { appendContext } from './messages.ts'
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
  /** Parts that a provider gets no more. */
  withheld?: Withheld | null
}

/** A provider has taken a context of this length, and as many messages that are stored only now. */
export type Proof = { askedLength: number; unsaved: number }

/**
 * Stores messages at the end of a scope's history and context and keeps its numbers, under the scope's lock. Where the end
 * is, the statement finds out by itself: it can go out before the lock's answer is there.
 */
export async function appendMessages(
  tx: Db,
  owner: MessageOwner,
  messages: Message[],
  { proof, ...change }: Omit<ScopeChange, 'stored'> & { proof?: Proof },
): Promise<ScopeRow> {
  const args = {
    key: { organizationId: owner.organizationId, id: owner.conversationId },
    count: messages.length,
    columns: columnsOf(change),
    ...(proof && { proof }),
  }
  const ways = { compiled: Boolean(change.prompt) }
  const rows = messages.map((message) => toRow(message, owner))
  const [updated] =
    rows.length === 0
      ? await touch(tx, args, ways)
      : await append(tx, { ...args, rows, ids: messages.map(({ id }) => id) }, ways)
  if (!updated) throw new Error(`${owner.conversationId} is gone`)
  return updated
}

type Key = { organizationId: OrganizationId; id: ConversationId }
type Touched = { key: Key; count: number; columns: Updateable<ConversationsTable>; proof?: Proof }
type Appended = Touched & { rows: ReturnType<typeof toRow>[]; ids: MessageId[] }
type Ways = { compiled: boolean }

const touch = statement((db, args: Touched, { compiled }: Ways) => endUpdate(db, args, compiled))

const append = statement((db, { rows, ids, ...args }: Appended, { compiled }: Ways) => {
  const { organizationId, id } = args.key
  const appending = db
    .with('new_messages', (db) => db.insertInto('messages').values(rows).returning('id'))
    .with(
      'new_items',
      () => sql<{ ordinal: number }>`(
        insert into context_items (organization_id, conversation_id, epoch, ordinal, message_id)
        select scope.organization_id, scope.id, scope.context_epoch, scope.context_length + ordinality - 1, given.id
        from conversations as scope, unnest(${ids}::text[]) with ordinality as given (id)
        where scope.organization_id = ${organizationId} and scope.id = ${id}
        returning ordinal)`,
    )
  return endUpdate(appending, args, compiled)
})

/** What stands on the right is read before anything is set. */
function endUpdate(db: Pick<Db, 'updateTable'>, { key, count, columns, proof }: Touched, compiled: boolean) {
  return db
    .updateTable('conversations')
    .set({
      ...changed(columns, count, compiled),
      context_length: sql<number>`context_length + ${count}`,
      ...(proof && {
        proven_ordinal: sql<number>`case when context_length = ${proof.askedLength}
          then context_length + ${proof.unsaved} - 1 else proven_ordinal end`,
      }),
    })
    .where('organization_id', '=', key.organizationId)
    .where('id', '=', key.id)
    .returning(SCOPE_ROW_COLUMNS)
}

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
    .set(changed({ ...columns, ...columnsOf(change) }, change.stored, Boolean(change.prompt)))
    .where('organization_id', '=', scope.organization_id)
    .where('id', '=', scope.id)
    .returningAll()
    .executeTakeFirstOrThrow()
}

function columnsOf(change: Omit<ScopeChange, 'stored'>): Updateable<ConversationsTable> {
  return {
    ...(change.contextTokens !== undefined && { context_tokens: Math.round(change.contextTokens) }),
    ...(change.calibration && { token_calibration: change.calibration }),
    ...(change.prompt && { prompt_basis: change.prompt.basis }),
    ...(change.withheld && { withheld: JSON.stringify(change.withheld) }),
  }
}

function changed(columns: Updateable<ConversationsTable>, stored: number, compiled: boolean) {
  return {
    ...columns,
    message_count: sql<number>`message_count + ${stored}`,
    ...(compiled && { prompt_compiled_at: sql<string>`now()` }),
    updated_at: sql<string>`now()`,
  }
}

/** The system message in front of a scope's context. Any other message there is not the prompt, and is not written over. */
export async function findSystemMessageId(db: Db, scope: ScopeRow): Promise<MessageId | undefined> {
  const row = await db
    .selectFrom('context_items as item')
    .innerJoin('messages as message', (join) =>
      join
        .onRef('message.organization_id', '=', 'item.organization_id')
        .onRef('message.id', '=', 'item.message_id'),
    )
    .where('item.organization_id', '=', scope.organization_id)
    .where('item.conversation_id', '=', scope.id)
    .where('item.epoch', '=', scope.context_epoch)
    .where('item.ordinal', '=', 0)
    .where('message.role', '=', 'system')
    .select('item.message_id')
    .executeTakeFirst()
  return row?.message_id
}

/** The message that holds a scope's prompt, also when it is not in front: every history begins with it. */
export async function findPromptId(db: Db, scope: ScopeRow): Promise<MessageId | undefined> {
  const inFront = await findSystemMessageId(db, scope)
  if (inFront) return inFront
  const row = await db
    .selectFrom('messages')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .where('role', '=', 'system')
    .orderBy('sequence_id')
    .select('id')
    .executeTakeFirst()
  return row?.id
}

/** What is in a scope's context, in order. */
export async function readContextIds(db: Db, scope: ScopeRow): Promise<MessageId[]> {
  const rows = await db
    .selectFrom('context_items')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .where('epoch', '=', scope.context_epoch)
    .orderBy('ordinal')
    .select('message_id')
    .execute()
  return rows.map((row) => row.message_id)
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
