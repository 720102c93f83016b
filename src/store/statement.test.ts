import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestDb } from '../../test/databases.ts'
import type { OrganizationId } from '../domain/id.ts'
import type { Db } from './schema.ts'
import { statement } from './statement.ts'
import { inTransaction } from './transaction.ts'

let db: Db
beforeAll(async () => {
  db = await openTestDb()
})
afterAll(() => db.destroy())

type Args = { rows: { id: OrganizationId; name: string }[]; again?: string }
const rowsOf = (names: string[]) => names.map((name) => ({ id: `org-${name}` as OrganizationId, name }))

let built = 0
const insert = statement((tx, { rows, again }: Args, variant: { shows: boolean }) => {
  built++
  const inserting = tx
    .insertInto('organizations')
    .values(rows)
    .onConflict((conflict) =>
      again === undefined
        ? conflict.column('id').doNothing()
        : conflict.column('id').doUpdateSet({ name: again }),
    )
  return variant.shows ? inserting.returning('name') : inserting.returning('id as name')
})

describe('a statement', () => {
  it('is built once for each shape of its arguments, and gets their values every time', async () => {
    expect(await insert(db, { rows: rowsOf(['a']) }, { shows: true })).toEqual([{ name: 'a' }])
    expect(await insert(db, { rows: rowsOf(['b']) }, { shows: true })).toEqual([{ name: 'b' }])
    expect(built).toBe(1)
    expect(await insert(db, { rows: rowsOf(['c', 'd']) }, { shows: true })).toHaveLength(2)
    expect(await insert(db, { rows: rowsOf(['a']), again: 'e' }, { shows: true })).toEqual([{ name: 'e' }])
    expect(await insert(db, { rows: rowsOf(['f']) }, { shows: false })).toEqual([{ name: 'org-f' }])
    expect(built).toBe(4)
  })

  it('is planned once for each connection, and goes on when a newer server adds a column', async () => {
    const find = statement((tx, { id }: { id: string }) =>
      tx
        .selectFrom('organizations')
        .where('id', '=', id as OrganizationId)
        .where('name', 'not in', ["it's", 'nobody'])
        .select('name'),
    )
    await insert(db, { rows: rowsOf(['kept']) }, { shows: false })
    await inTransaction(db, async (tx) => {
      for (let asked = 0; asked < 8; asked++) expect(await find(tx, { id: 'org-kept' })).toHaveLength(1)
      const { rows } = await sql`
        select (generic_plans + custom_plans)::int as calls from pg_prepared_statements
        where statement like '%nobody%' and statement not like '%pg_prepared%'`.execute(tx)
      expect(rows).toEqual([{ calls: 8 }])
      await sql`alter table organizations add column newer text`.execute(tx)
      expect(await find(tx, { id: 'org-kept' })).toEqual([{ name: 'kept' }])
      await sql`alter table organizations drop column newer`.execute(tx)
    })
  })

  it('that asks for whatever columns there are is refused', async () => {
    const all = statement((tx, { id }: { id: string }) =>
      tx
        .selectFrom('organizations')
        .where('id', '=', id as OrganizationId)
        .selectAll(),
    )
    await expect(all(db, { id: 'org-kept' })).rejects.toThrow('names its columns')
  })

  it('that looks at the value of an argument is refused', async () => {
    const wrong = statement((tx, { limit }: { limit: number }) =>
      tx
        .selectFrom('organizations')
        .select('id')
        .limit(limit > 5 ? 5 : 1),
    )
    await expect(wrong(db, { limit: 9 })).rejects.toThrow('leaves arguments out')
  })
})
