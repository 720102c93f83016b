import { type Selectable, sql } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import { Fault } from '../domain/fault.ts'
import { newId, type OrganizationId, type UserId } from '../domain/id.ts'
import type { Db, OrganizationsTable, UsersTable } from './schema.ts'

export type OrganizationRow = Selectable<OrganizationsTable>
export type UserRow = Selectable<UsersTable>

/** Who a user is, unless deleted. */
export async function findActor(db: Db, userId: UserId): Promise<Actor | undefined> {
  const row = await db
    .selectFrom('users')
    .where('id', '=', userId)
    .where('is_deleted', '=', false)
    .select('organization_id')
    .executeTakeFirst()
  return row && { organizationId: row.organization_id, userId }
}

/** Pages by id of the last one seen, in the order of creation. */
export async function readOrganizations(
  db: Db,
  after: string | null,
  limit: number,
): Promise<OrganizationRow[]> {
  let query = db.selectFrom('organizations').selectAll().orderBy('created_at').orderBy('id').limit(limit)
  if (after) query = query.where(...behind('organizations', after))
  return query.execute()
}

export async function readUsers(db: Db, after: string | null, limit: number): Promise<UserRow[]> {
  let query = db
    .selectFrom('users')
    .where('is_deleted', '=', false)
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
  if (after) query = query.where(...behind('users', after))
  return query.execute()
}

function behind(table: 'organizations' | 'users', id: string) {
  const place = sql`(select created_at, id from ${sql.table(table)} where id = ${id})`
  return [sql`(created_at, id)`, '>', place] as const
}

export async function createOrganization(
  db: Db,
  organization: { name: string; privilegedTools: boolean },
): Promise<OrganizationRow> {
  return db
    .insertInto('organizations')
    .values({ id: newId('org'), name: organization.name, privileged_tools: organization.privilegedTools })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Faults: not_found. */
export async function updateOrganization(
  db: Db,
  id: OrganizationId,
  change: { name?: string; privileged_tools?: boolean },
): Promise<OrganizationRow> {
  if (Object.keys(change).length === 0) return getOrganization(db, id)
  const row = await db
    .updateTable('organizations')
    .set(change)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
  if (!row) throw missing('Organization', id)
  return row
}

async function getOrganization(db: Db, id: OrganizationId): Promise<OrganizationRow> {
  const row = await db.selectFrom('organizations').where('id', '=', id).selectAll().executeTakeFirst()
  if (!row) throw missing('Organization', id)
  return row
}

/**
 * Deletes an organisation without agents, tools, blocks and users. Faults: not_found; conflict for one that is in use,
 * by the database's own word.
 */
export async function deleteOrganization(db: Db, id: OrganizationId): Promise<OrganizationRow> {
  const row = await db.deleteFrom('organizations').where('id', '=', id).returningAll().executeTakeFirst()
  if (!row) throw missing('Organization', id)
  return row
}

/** Faults: not_found for the organisation. */
export async function createUser(
  db: Db,
  user: { name: string; organizationId: OrganizationId },
): Promise<UserRow> {
  await getOrganization(db, user.organizationId)
  return db
    .insertInto('users')
    .values({ id: newId('user'), name: user.name, organization_id: user.organizationId })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Faults: not_found. */
export async function updateUser(
  db: Db,
  id: UserId,
  change: { name?: string; organization_id?: OrganizationId },
): Promise<UserRow> {
  const row = await db
    .updateTable('users')
    .set({ ...change, updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .where('is_deleted', '=', false)
    .returningAll()
    .executeTakeFirst()
  if (!row) throw missing('User', id)
  return row
}

/** The user can ask no more; what it made stays. Faults: not_found. */
export async function deleteUser(db: Db, id: UserId): Promise<UserRow> {
  const row = await db
    .updateTable('users')
    .set({ is_deleted: true, updated_at: sql<string>`now()` })
    .where('id', '=', id)
    .where('is_deleted', '=', false)
    .returningAll()
    .executeTakeFirst()
  if (!row) throw missing('User', id)
  return row
}

function missing(kind: string, id: string): Fault {
  return new Fault('not_found', `${kind} not found with id='['${id}']'`)
}
