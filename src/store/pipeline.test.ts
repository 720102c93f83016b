import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openTestDb } from '../../test/databases.ts'
import { leaveToCommit, onOneConnection, transact } from './pipeline.ts'
import type { Db } from './schema.ts'

let db: Db
const add = (tx: Db, value: number) => sql`insert into numbers values (${value})`.execute(tx)
const values = async () =>
  (await sql<{ value: number }>`select value from numbers order by at`.execute(db)).rows.map(
    (row) => row.value,
  )

beforeAll(async () => {
  db = await openTestDb()
  await sql`create table numbers (value int primary key, at serial)`.execute(db)
})
beforeEach(() => sql`truncate numbers`.execute(db))
afterAll(() => db.destroy())

describe('a transaction', () => {
  it('takes statements in the order in which they were made, waited for or not', async () => {
    await transact(db, async (tx) => {
      await Promise.all([add(tx, 1), add(tx, 2), add(tx, 3)])
      leaveToCommit(tx, add(tx, 4))
    })
    expect(await values()).toEqual([1, 2, 3, 4])
  })

  it('shows a statement what those before it did', async () => {
    const [, { rows }] = await transact(db, (tx) =>
      Promise.all([add(tx, 1), sql<{ value: number }>`select value from numbers`.execute(tx)]),
    )
    expect(rows).toEqual([{ value: 1 }])
  })

  it('is undone as a whole, with the first error, when a statement fails between others', async () => {
    const failing = transact(db, (tx) => Promise.all([add(tx, 1), add(tx, 1), add(tx, 2)]))
    await expect(failing).rejects.toMatchObject({ code: '23505' })
    expect(await values()).toEqual([])
  })

  it('fails when a statement fails that was left to its commit', async () => {
    const failing = transact(db, async (tx) => {
      await add(tx, 1)
      leaveToCommit(tx, add(tx, 1))
    })
    await expect(failing).rejects.toMatchObject({ code: '23505' })
    expect(await values()).toEqual([])
  })

  it('is undone when a statement that was left to its commit never went out', async () => {
    const failing = transact(db, async (tx) => {
      await add(tx, 1)
      leaveToCommit(tx, Promise.reject(new Error('could not be written')))
    })
    await expect(failing).rejects.toThrow('could not be written')
    expect(await values()).toEqual([])
  })

  it('fails with the reason, not with what follows from it, whichever is heard of first', async () => {
    const late = async (statement: Promise<unknown>) => {
      for (let ticks = 0; ticks < 20; ticks++) await null
      return statement
    }
    const failing = transact(db, async (tx) => {
      await add(tx, 1)
      const doubled = add(tx, 1)
      doubled.catch(() => undefined)
      await Promise.all([late(doubled), add(tx, 2)])
    })
    await expect(failing).rejects.toMatchObject({ code: '23505' })
  })

  it('is undone when its work throws while statements are on their way', async () => {
    const failing = transact(db, async (tx) => {
      leaveToCommit(tx, add(tx, 1))
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    expect(await values()).toEqual([])
  })

  it('takes no statement after its end', async () => {
    const tx = await transact(db, async (handle) => handle)
    await expect(add(tx, 1)).rejects.toThrow('after the end')
  })

  it('gives its connection back, whole, also after an error', async () => {
    for (let tries = 0; tries < 20; tries++)
      await transact(db, (tx) => sql`nonsense`.execute(tx)).catch(() => 0)
    await Promise.all(Array.from({ length: 20 }, (_, value) => transact(db, (tx) => add(tx, value))))
    expect(await values()).toHaveLength(20)
  })
})

it('statements of one connection are no transaction: one that fails undoes nothing', async () => {
  const failing = onOneConnection(db, (one) =>
    Promise.all([add(one, 1), sql`nonsense`.execute(one), add(one, 2)]),
  )
  await expect(failing).rejects.toMatchObject({ code: '42601' })
  await expect.poll(values).toEqual([1, 2])
})
