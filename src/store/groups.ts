import { type Selectable, sql } from 'kysely'
import { type AgentId, type ConversationId, newId, type OrganizationId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { ToldScopes, TurnRequest } from '../domain/turn.ts'
import { readMessagePage } from './message-lists.ts'
import { toMessage } from './message-rows.ts'
import type { Db, GroupsTable } from './schema.ts'

export type GroupRow = Selectable<GroupsTable>

/** Turns after which the memory of an agent is tended again, unless the group says otherwise. */
const FREQUENCY_DEFAULT = 5

/** Binds an agent to the one that tends its memory. The first turn is due: the counter starts one before it. */
export async function insertSleeptimeGroup(
  tx: Db,
  organizationId: OrganizationId,
  managerId: AgentId,
  partnerId: AgentId,
): Promise<void> {
  await tx
    .insertInto('groups')
    .values({
      organization_id: organizationId,
      id: newId('group'),
      manager_type: 'sleeptime',
      manager_agent_id: managerId,
      agent_ids: JSON.stringify([partnerId]),
      sleeptime_agent_frequency: FREQUENCY_DEFAULT,
      turns_counter: -1,
    })
    .execute()
}

/** The group that an agent leads. */
export async function findManagedGroup(
  db: Db,
  organizationId: OrganizationId,
  managerId: AgentId,
): Promise<GroupRow | undefined> {
  const [group] = await readManagedGroups(db, organizationId, [managerId])
  return group
}

export async function readManagedGroups(
  db: Db,
  organizationId: OrganizationId,
  managerIds: AgentId[],
): Promise<GroupRow[]> {
  if (managerIds.length === 0) return []
  return db
    .selectFrom('groups')
    .where('organization_id', '=', organizationId)
    .where('manager_agent_id', 'in', managerIds)
    .selectAll()
    .execute()
}

/**
 * Counts a turn of an agent whose memory is tended; the group, if its partners are due now. A group without a number is
 * due after every turn, one with the number 0 never.
 */
export async function countTurn(
  tx: Db,
  organizationId: OrganizationId,
  managerId: AgentId,
): Promise<GroupRow | undefined> {
  const group = await tx
    .updateTable('groups')
    .from('agents')
    .set({
      turns_counter: sql<number | null>`case when sleeptime_agent_frequency > 0
        then (coalesce(turns_counter, -1) + 1) % sleeptime_agent_frequency else turns_counter end`,
    })
    .whereRef('agents.organization_id', '=', 'groups.organization_id')
    .whereRef('agents.id', '=', 'groups.manager_agent_id')
    .where('agents.enable_sleeptime', '=', true)
    .where('groups.organization_id', '=', organizationId)
    .where('groups.manager_agent_id', '=', managerId)
    .where('groups.manager_type', '=', 'sleeptime')
    .returningAll('groups')
    .executeTakeFirst()
  if (!group || group.sleeptime_agent_frequency === 0) return undefined
  return group.sleeptime_agent_frequency === null || group.turns_counter === 0 ? group : undefined
}

export type Untended = { messages: Message[]; scopes: ToldScopes }
/** Where a message stands in its conversation. */
export type Mark = { conversation_id: ConversationId; sequence_id: number }

/**
 * What was said since the memory was last tended, oldest first. Each conversation has a mark of its own: in another one a
 * message with a smaller number may be committed later.
 */
export async function readUntended(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  groupId: string,
  messagesMax: number,
): Promise<{ messages: Message[]; marks: Mark[] }> {
  const rows = await tx
    .selectFrom('conversations as scope')
    .leftJoin('tended_scopes as told', (join) =>
      join
        .onRef('told.organization_id', '=', 'scope.organization_id')
        .on('told.group_id', '=', groupId)
        .onRef('told.conversation_id', '=', 'scope.id'),
    )
    .innerJoinLateral(
      (query) =>
        query
          .selectFrom('messages')
          .whereRef('messages.organization_id', '=', 'scope.organization_id')
          .whereRef('messages.conversation_id', '=', 'scope.id')
          .where('messages.deleted_at', 'is', null)
          .where('messages.is_err', '=', false)
          .where('messages.sequence_id', '>', (told) => told.fn.coalesce('told.up_to', sql.lit(0)))
          .orderBy('messages.sequence_id')
          .limit(messagesMax)
          .selectAll('messages')
          .as('message'),
      (join) => join.onTrue(),
    )
    .where('scope.organization_id', '=', organizationId)
    .where('scope.agent_id', '=', agentId)
    .where('scope.deleted_at', 'is', null)
    .orderBy('message.sequence_id')
    .limit(messagesMax)
    .selectAll('message')
    .execute()
  return { messages: rows.map(toMessage), marks: rows }
}

/** The newest messages of an agent whose memory was never tended; what is older counts as told. */
export async function readNewest(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  messagesMax: number,
): Promise<Untended> {
  const page = { before: null, after: null, limit: messagesMax, order: 'desc' as const, includeErrors: false }
  const newest = await readMessagePage(tx, organizationId, { agentId }, page)
  const rows = await tx
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
    .groupBy('conversation_id')
    .select((message) => ['conversation_id', message.fn.max('sequence_id').as('sequence_id')])
    .execute()
  return { messages: newest.toReversed(), scopes: lastOfEach(rows) }
}

/** How far each conversation has been told. */
export function lastOfEach(rows: Mark[]): ToldScopes {
  return Object.fromEntries(rows.map((row) => [row.conversation_id, row.sequence_id]))
}

/** Remembers up to which message the memory has been tended, and how far in each conversation. */
export async function saveTended(
  tx: Db,
  organizationId: OrganizationId,
  { groupId, upTo, scopes }: NonNullable<TurnRequest['tends']>,
): Promise<void> {
  const group = await tx
    .updateTable('groups')
    .set({ last_processed_message_id: upTo })
    .where('organization_id', '=', organizationId)
    .where('id', '=', groupId)
    .returning('id')
    .executeTakeFirst()
  if (!group) return
  for (const [conversationId, last] of Object.entries(scopes)) {
    // A conversation that is purged by now has nothing more to tell.
    await sql`
      insert into tended_scopes (organization_id, group_id, conversation_id, up_to)
      select organization_id, ${groupId}, id, ${last} from conversations
      where organization_id = ${organizationId} and id = ${conversationId}
      on conflict (organization_id, group_id, conversation_id)
      do update set up_to = greatest(tended_scopes.up_to, excluded.up_to)
    `.execute(tx)
  }
}

/** Takes an agent's groups away: the one that it leads, whose partners are returned, and those whose partner it is. */
export async function deleteGroupsOf(
  tx: Db,
  organizationId: OrganizationId,
  id: AgentId,
): Promise<AgentId[]> {
  const led = await tx
    .deleteFrom('groups')
    .where('organization_id', '=', organizationId)
    .where('manager_agent_id', '=', id)
    .returning('agent_ids')
    .execute()
  const tended = await tx
    .deleteFrom('groups')
    .where('organization_id', '=', organizationId)
    .where('manager_type', '=', 'sleeptime')
    .where(sql<boolean>`agent_ids @> ${JSON.stringify([id])}::jsonb`)
    .returning('manager_agent_id')
    .execute()
  const managers = tended.flatMap((group) => group.manager_agent_id ?? [])
  if (managers.length > 0) {
    await tx
      .updateTable('agents')
      .set({ enable_sleeptime: null })
      .where('organization_id', '=', organizationId)
      .where('id', 'in', managers)
      .execute()
  }
  return led.flatMap((group) => group.agent_ids)
}
