import { type Selectable, sql } from 'kysely'
import type { MessagePolicy } from '../domain/conversation.ts'
import { Fault } from '../domain/fault.ts'
import type { AgentId, BlockId, ConversationId, MessageId, OrganizationId } from '../domain/id.ts'
import { newId } from '../domain/id.ts'
import { halfBefore, type Message, withoutSystem } from '../domain/message.ts'
import type { ModelSettings } from '../domain/model-settings.ts'
import { extendContext, readContextIds } from './contexts.ts'
import { saveHistory } from './memory-edits.ts'
import { insertMessages, readContext } from './messages.ts'
import type { ConversationsTable, Db } from './schema.ts'
import { lockScope, type ScopeRow } from './scopes.ts'

export type Conversation = Selectable<ConversationsTable> & {
  contextIds: MessageId[]
  isolatedIds: BlockId[]
}

/** Faults: not_found; the default conversation is not found by its id. */
export async function getConversation(
  db: Db,
  organizationId: OrganizationId,
  id: ConversationId,
): Promise<Conversation> {
  const row = await db
    .selectFrom('conversations')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .where('is_default', '=', false)
    .selectAll()
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `Conversation not found with id='['${id}']'`)
  return {
    ...row,
    contextIds: await readContextIds(db, row),
    isolatedIds: await isolatedIdsOf(db, organizationId, [id]).then((map) => map.get(id) ?? []),
  }
}

async function isolatedIdsOf(
  db: Db,
  organizationId: OrganizationId,
  ids: ConversationId[],
): Promise<Map<ConversationId, BlockId[]>> {
  const found = new Map<ConversationId, BlockId[]>()
  if (ids.length === 0) return found
  const rows = await db
    .selectFrom('conversation_blocks')
    .where('organization_id', '=', organizationId)
    .where('conversation_id', 'in', ids)
    .select(['conversation_id', 'block_id'])
    .execute()
  for (const row of rows)
    found.set(row.conversation_id, [...(found.get(row.conversation_id) ?? []), row.block_id])
  return found
}

export type ConversationPage = {
  agentId: AgentId | null
  summarySearch: string | null
  orderBy: 'created_at' | 'last_run_completion' | 'last_message_at'
  order: 'asc' | 'desc'
  after: ConversationId | null
  limit: number
}

/** A page of conversations by keyset; those that lack the sort key come last. Faults: not_found for a cursor. */
export async function readConversations(
  db: Db,
  organizationId: OrganizationId,
  page: ConversationPage,
): Promise<Conversation[]> {
  let query = db
    .selectFrom('conversations')
    .where('organization_id', '=', organizationId)
    .where('deleted_at', 'is', null)
    .where('is_default', '=', false)
    .selectAll()
    .limit(page.limit)
  if (page.agentId) query = query.where('agent_id', '=', page.agentId)
  if (page.summarySearch) {
    query = query.where('summary', 'ilike', `%${page.summarySearch.replace(/[\\%_]/g, '\\$&')}%`)
  }
  // What is null counts as before all time, so that it is last when the newest come first, and has a place either way.
  const key = sql<string>`coalesce(${sql.ref(page.orderBy)}, '-infinity'::timestamptz)`
  if (page.after) {
    const cursor = await getConversation(db, organizationId, page.after)
    const sign = page.order === 'desc' ? sql.raw('<') : sql.raw('>')
    const at = cursor[page.orderBy] ?? '-infinity'
    query = query.where(sql<boolean>`(${key}, id) ${sign} (${at}::timestamptz, ${page.after})`)
  }
  const rows = await query.orderBy(key, page.order).orderBy('id', page.order).execute()
  const isolated = await isolatedIdsOf(
    db,
    organizationId,
    rows.map((row) => row.id),
  )
  return rows.map((row) => ({ ...row, contextIds: [], isolatedIds: isolated.get(row.id) ?? [] }))
}

export type NewConversation = {
  organizationId: OrganizationId
  agentId: AgentId
  userId: string
  summary: string | null
  model: string | null
  modelSettings: ModelSettings | null
  messagePolicy: MessagePolicy | null
  isolatedLabels: string[]
}

/**
 * A conversation of its own, with private copies of the blocks that it names. Its system message is compiled by its first
 * reader. Faults: not_found for the agent, bad_request for a label that the agent does not have.
 */
export async function createConversation(tx: Db, created: NewConversation): Promise<ConversationId> {
  const id = newId('conv')
  await tx
    .insertInto('conversations')
    .values({
      organization_id: created.organizationId,
      id,
      agent_id: created.agentId,
      summary: created.summary,
      model: created.model,
      model_settings: created.modelSettings && JSON.stringify(created.modelSettings),
      message_policy: created.messagePolicy,
      created_by_id: created.userId,
      last_updated_by_id: created.userId,
    })
    .execute()
  for (const label of new Set(created.isolatedLabels)) await isolate(tx, created, id, label)
  return id
}

async function isolate(tx: Db, created: NewConversation, id: ConversationId, label: string): Promise<void> {
  const source = await tx
    .selectFrom('agent_blocks')
    .where('organization_id', '=', created.organizationId)
    .where('agent_id', '=', created.agentId)
    .where('label', '=', label)
    .select('block_id')
    .executeTakeFirst()
  if (!source) throw new Fault('bad_request', `Agent has no memory block with label '${label}'`)
  await addCopy(tx, created.organizationId, id, { label, blockId: source.block_id })
}

/** Gives a conversation its own copies of what another one has for itself, as it is there now. */
export async function copyIsolated(
  tx: Db,
  organizationId: OrganizationId,
  from: ConversationId,
  to: ConversationId,
): Promise<void> {
  const rows = await tx
    .selectFrom('conversation_blocks')
    .where('organization_id', '=', organizationId)
    .where('conversation_id', '=', from)
    .orderBy('label')
    .select(['label', 'block_id as blockId'])
    .execute()
  for (const source of rows) await addCopy(tx, organizationId, to, source)
}

async function addCopy(
  tx: Db,
  organizationId: OrganizationId,
  id: ConversationId,
  source: { label: string; blockId: BlockId },
): Promise<void> {
  const blockId = newId('block')
  await tx
    .insertInto('blocks')
    .columns([
      'organization_id',
      'id',
      'label',
      'value',
      'char_limit',
      'description',
      'metadata',
      'read_only',
    ])
    .expression((query) =>
      query
        .selectFrom('blocks')
        .where('organization_id', '=', organizationId)
        .where('id', '=', source.blockId)
        .select([
          'organization_id',
          sql<BlockId>`${blockId}`.as('id'),
          sql<string>`${source.label}`.as('label'),
          'value',
          'char_limit',
          'description',
          sql<string>`metadata`.as('metadata'),
          'read_only',
        ]),
    )
    .execute()
  await saveHistory(tx, organizationId, blockId)
  await tx
    .insertInto('conversation_blocks')
    .values({ organization_id: organizationId, conversation_id: id, block_id: blockId, label: source.label })
    .execute()
}

/** Gives a new conversation its first message, and what it shares with the one that it was forked from. */
export async function startContext(
  tx: Db,
  scope: ScopeRow,
  system: Message,
  shared: MessageId[],
  prompt: { basis: string },
): Promise<void> {
  const owner = { organizationId: scope.organization_id, agentId: scope.agent_id, conversationId: scope.id }
  await insertMessages(tx, owner, [system])
  await extendContext(tx, scope, [system.id, ...shared], { stored: 1 + shared.length, prompt })
}

/** What a fork shares of a conversation's context: all of it but the system message and an open request at its end. */
export async function forkableIds(tx: Db, source: ScopeRow): Promise<MessageId[]> {
  const context = withoutSystem(await readContext(tx, source.organization_id, source.id))
  if (context.at(-1)?.role !== 'approval_request') return context.map(({ id }) => id)
  const half = halfBefore(context, context.length - 1)
  return context.slice(0, half ? -2 : -1).map(({ id }) => id)
}

export type ConversationChange = {
  summary?: string | null
  model?: string | null
  modelSettings?: ModelSettings | null
  messagePolicy?: MessagePolicy | null
  lastMessageAt?: string | null
}

/** Absent stays; null clears. Faults: not_found. */
export async function updateConversation(
  db: Db,
  organizationId: OrganizationId,
  id: ConversationId,
  change: ConversationChange,
): Promise<Conversation> {
  await db
    .updateTable('conversations')
    .set({
      updated_at: sql<string>`now()`,
      ...('summary' in change && { summary: change.summary ?? null }),
      ...('model' in change && { model: change.model ?? null }),
      ...('modelSettings' in change && {
        model_settings: change.modelSettings ? JSON.stringify(change.modelSettings) : null,
      }),
      ...('messagePolicy' in change && { message_policy: change.messagePolicy ?? null }),
      ...(change.lastMessageAt && { last_message_at: change.lastMessageAt }),
    })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .execute()
  return getConversation(db, organizationId, id)
}

/** Marks a conversation deleted, under its lock; its own blocks go at once. Faults: not_found. */
export async function deleteConversation(
  tx: Db,
  organizationId: OrganizationId,
  id: ConversationId,
): Promise<void> {
  await lockScope(tx, organizationId, id)
  await tx
    .deleteFrom('blocks')
    .where('organization_id', '=', organizationId)
    .where('id', 'in', (query) =>
      query
        .selectFrom('conversation_blocks')
        .where('organization_id', '=', organizationId)
        .where('conversation_id', '=', id)
        .select('block_id'),
    )
    .execute()
  await tx
    .updateTable('messages')
    .set({ deleted_at: sql<string>`now()` })
    .where('organization_id', '=', organizationId)
    .where('conversation_id', '=', id)
    .execute()
  await tx
    .updateTable('conversations')
    .set({ deleted_at: sql<string>`now()` })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
}
