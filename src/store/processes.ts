import { sql } from 'kysely'
import type { ProcessId } from '../domain/id.ts'
import type { Db } from './schema.ts'

/**
 * Takes a place among the processes of this database, for `leaseMs` after each sign of life. A lease, like every lease,
 * runs on the database's clock.
 */
export async function createProcess(
  db: Db,
  id: ProcessId,
  description: string,
  leaseMs: number,
): Promise<void> {
  await db
    .insertInto('processes')
    .values({ id, description, lease_until: leaseUntil(leaseMs) })
    .execute()
}

/**
 * A sign of life: one statement, however many runs the process drives. False: the row is gone, somebody took the process
 * for dead, and its runs belong to others.
 */
export async function renewProcess(db: Db, id: ProcessId, leaseMs: number): Promise<boolean> {
  const row = await db
    .updateTable('processes')
    .set({ lease_until: leaseUntil(leaseMs) })
    .where('id', '=', id)
    .where('lease_until', '>', sql<string>`now()`)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Leaves; its unfinished runs are free for others at once. */
export async function deleteProcess(db: Db, id: ProcessId): Promise<void> {
  await db.deleteFrom('processes').where('id', '=', id).execute()
}

/** Processes that live, this one included. */
export async function countLiveProcesses(db: Db): Promise<number> {
  const { count } = await db
    .selectFrom('processes')
    .where('lease_until', '>', sql<string>`now()`)
    .select((process) => process.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

/**
 * For the only user of a database: whoever else is listed is dead, however long its lease, and its unfinished runs are
 * free at once.
 */
export async function deleteAllProcesses(db: Db): Promise<void> {
  await db.deleteFrom('processes').execute()
}

/** Forgets processes that have been dead for long. */
export async function deleteDeadProcesses(db: Db): Promise<void> {
  await db.deleteFrom('processes').where('lease_until', '<', sql<string>`now() - interval '1 hour'`).execute()
}

function leaseUntil(leaseMs: number) {
  return sql<string>`now() + ${leaseMs} * interval '1 millisecond'`
}
