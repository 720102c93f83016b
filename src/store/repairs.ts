import { sql } from 'kysely'
import type { Json, JsonObject } from '../domain/json.ts'
import { replaceContext } from './contexts.ts'
import type { Db } from './schema.ts'
import { lockScope } from './scopes.ts'
import { inSavepoint, isUniqueViolation } from './transaction.ts'
import type { ChangedRow, Undo } from './undo.ts'

export type Repair = { check: string; subject: string; text: string; undo: Undo[] | null }

/** Notes a repair, in its own transaction. Returns its number. */
export async function saveRepair(tx: Db, repair: Repair): Promise<number> {
  const { id } = await tx
    .insertInto('repairs')
    .values({
      check_name: repair.check,
      subject: repair.subject,
      text: repair.text,
      undo: repair.undo && JSON.stringify(repair.undo),
    })
    .returning('id')
    .executeTakeFirstOrThrow()
  return id
}

export type Undone = 'undone' | 'unknown' | 'undone_before' | 'not_possible' | 'changed_since'

/** Takes a repair back, if what it left is still there. */
export async function undoRepair(tx: Db, id: number): Promise<Undone> {
  const row = await tx.selectFrom('repairs').where('id', '=', id).selectAll().forUpdate().executeTakeFirst()
  if (!row) return 'unknown'
  if (row.undone_at) return 'undone_before'
  if (!row.undo) return 'not_possible'
  if (!(await bringAllBack(tx, row.undo))) return 'changed_since'
  await tx.updateTable('repairs').set({ undone_at: sql<string>`now()` }).where('id', '=', id).execute()
  return 'undone'
}

class ChangedSince extends Error {
  override name = 'ChangedSince'
}

/** All of it or, when something is not as the repair left it, nothing. */
async function bringAllBack(tx: Db, undos: Undo[]): Promise<boolean> {
  try {
    await inSavepoint(tx, async () => {
      for (const undo of undos) if (!(await bringBack(tx, undo))) throw new ChangedSince()
    })
    return true
  } catch (error) {
    // Another row has by now what this one would get back.
    if (error instanceof ChangedSince || isUniqueViolation(error)) return false
    throw error
  }
}

async function bringBack(tx: Db, undo: Undo): Promise<boolean> {
  switch (undo.kind) {
    case 'context':
      return bringBackContext(tx, undo)
    case 'columns':
      for (const row of undo.rows) if (!(await setColumns(tx, undo.table, row))) return false
      return true
    case 'row': {
      const { numAffectedRows } = await sql`
        insert into ${sql.table(undo.table)}
        select * from jsonb_populate_record(null::${sql.table(undo.table)}, ${JSON.stringify(undo.row)}::jsonb)
        on conflict do nothing
      `.execute(tx)
      return numAffectedRows === 1n
    }
  }
}

async function bringBackContext(tx: Db, undo: Extract<Undo, { kind: 'context' }>): Promise<boolean> {
  const scope = await lockScope(tx, undo.organizationId, undo.conversationId, true)
  if (scope.context_epoch !== undo.epoch || scope.context_length !== undo.length) return false
  await replaceContext(tx, scope, undo.ids, { stored: -undo.added.length })
  if (undo.added.length > 0) {
    await tx
      .deleteFrom('messages')
      .where('organization_id', '=', undo.organizationId)
      .where('id', 'in', undo.added)
      .execute()
  }
  return true
}

async function setColumns(tx: Db, table: string, { key, before, after = {} }: ChangedRow): Promise<boolean> {
  const pairs = (record: JsonObject, sign: string, between: string) =>
    sql.join(
      Object.entries(record).map(
        ([column, value]) => sql`${sql.ref(column)} ${sql.raw(sign)} ${storedValue(value)}`,
      ),
      sql.raw(between),
    )
  const found = pairs({ ...key, ...after }, 'is not distinct from', ' and ')
  const { numAffectedRows } = await sql`
    update ${sql.table(table)} set ${pairs(before, '=', ', ')} where ${found}`.execute(tx)
  return numAffectedRows === 1n
}

function storedValue(value: Json | undefined) {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
