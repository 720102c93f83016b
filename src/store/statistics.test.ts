import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openTestDb } from '../../test/databases.ts'
import type { Db } from './schema.ts'
import { analyzeNewTables } from './statistics.ts'

let db: Db
beforeAll(async () => {
  db = await openTestDb()
})
afterAll(() => db.destroy())

/** What the planner thinks that a table holds; -1: it knows nothing. */
async function knownRows(table: string): Promise<number> {
  const { rows } = await sql<{ reltuples: number }>`
    select reltuples from pg_class where relname = ${table} and relnamespace = current_schema()::regnamespace`.execute(
    db,
  )
  return rows[0]?.reltuples ?? Number.NaN
}

const addUsers = (count: number) =>
  sql`insert into users (id, organization_id, name)
      select 'user-' || gen_random_uuid(), 'org-00000000-0000-4000-8000-000000000000', 'somebody'
      from generate_series(1, ${count}::int)`.execute(db)

it('tells the planner of tables that have filled, and leaves the others to the database', async () => {
  expect(await analyzeNewTables(db)).toBe(false)
  expect(await knownRows('users')).toBe(-1)

  await addUsers(150)
  // What a connection has written is counted up to ten seconds later.
  await expect
    .poll(
      async () => {
        await analyzeNewTables(db)
        return knownRows('users')
      },
      { timeout: 25_000 },
    )
    .toBeGreaterThanOrEqual(150)
  expect(await knownRows('runs')).toBe(-1)

  await addUsers(500)
  await analyzeNewTables(db)
  expect(await knownRows('users')).toBeLessThan(650)
})

it('says when it knows all that turns use', async () => {
  await sql`analyze`.execute(db)
  expect(await analyzeNewTables(db)).toBe(true)
})
