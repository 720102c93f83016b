import { type Selectable, sql } from 'kysely'
import { Fault } from '../domain/fault.ts'
import type { AgentId, OrganizationId } from '../domain/id.ts'
import type { Schedule, ScheduleId } from '../domain/schedule.ts'
import type { Db, SchedulesTable } from './schema.ts'

export async function insertSchedule(tx: Db, schedule: Schedule): Promise<void> {
  await tx
    .insertInto('schedules')
    .values({
      organization_id: schedule.organizationId,
      id: schedule.id,
      agent_id: schedule.agentId,
      created_by_id: schedule.createdById,
      timing: JSON.stringify(schedule.timing),
      input: JSON.stringify(schedule.input),
      steps_max: schedule.stepsMax,
      return_types: schedule.returnTypes && JSON.stringify(schedule.returnTypes),
      callback_url: schedule.callbackUrl,
      next_at: schedule.nextAt,
    })
    .execute()
}

export async function findSchedule(
  db: Db,
  organizationId: OrganizationId,
  id: ScheduleId,
): Promise<Schedule | undefined> {
  const row = await rows(db, organizationId).where('id', '=', id).executeTakeFirst()
  return row && toSchedule(row)
}

/** Faults: not_found, also for a schedule of another agent. */
export async function getSchedule(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  id: ScheduleId,
): Promise<Schedule> {
  const schedule = await findSchedule(db, organizationId, id)
  if (schedule?.agentId !== agentId)
    throw new Fault('not_found', `Scheduled message not found with id='['${id}']'`)
  return schedule
}

/** A page of an agent's schedules, the newest first, and one more if there is one. Faults: not_found for a cursor. */
export async function readSchedules(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  page: { after: ScheduleId | null; limit: number },
): Promise<Schedule[]> {
  let query = rows(db, organizationId).where('agent_id', '=', agentId)
  if (page.after !== null) {
    await getSchedule(db, organizationId, agentId, page.after)
    query = query.where(
      sql<boolean>`(created_at, id) < (select created_at, id from schedules as cursor
        where cursor.organization_id = ${organizationId} and cursor.id = ${page.after})`,
    )
  }
  const found = await query
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return found.map(toSchedule)
}

/** Moves a schedule on from a time that has come. False: somebody has, or it is gone. */
export async function moveSchedule(
  tx: Db,
  organizationId: OrganizationId,
  id: ScheduleId,
  from: string,
  to: string | null,
): Promise<boolean> {
  const row = await tx
    .updateTable('schedules')
    .set({ next_at: to })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('next_at', '=', from)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

export async function deleteSchedule(db: Db, organizationId: OrganizationId, id: ScheduleId): Promise<void> {
  await db
    .deleteFrom('schedules')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
}

function rows(db: Db, organizationId: OrganizationId) {
  return db.selectFrom('schedules').where('organization_id', '=', organizationId).selectAll()
}

function toSchedule(row: Selectable<SchedulesTable>): Schedule {
  return {
    id: row.id,
    organizationId: row.organization_id,
    agentId: row.agent_id,
    createdById: row.created_by_id,
    timing: row.timing,
    input: row.input,
    stepsMax: row.steps_max,
    returnTypes: row.return_types,
    callbackUrl: row.callback_url,
    nextAt: row.next_at,
  }
}
