import { type Selectable, sql } from 'kysely'
import { type AgentId, type MessageId, newId, type OrganizationId } from '../domain/id.ts'
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

/** Remembers up to which message the memory has been tended. */
export async function saveTended(
  tx: Db,
  organizationId: OrganizationId,
  groupId: string,
  upTo: MessageId,
): Promise<void> {
  await tx
    .updateTable('groups')
    .set({ last_processed_message_id: upTo })
    .where('organization_id', '=', organizationId)
    .where('id', '=', groupId)
    .execute()
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
