import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { openTestDatabase, openTestDb } from './databases.ts'
import { withDatabase } from './global-setup.ts'

it('gives each caller a migrated database of its own', async () => {
  const [one, other] = await Promise.all([openTestDb(), openTestDb()])
  await sql`create table mine ()`.execute(one)

  await expect(sql`select from mine`.execute(other)).rejects.toThrow(/does not exist/)
  expect(await other.selectFrom('organizations').select('name').execute()).toEqual([{ name: 'default_org' }])
  await Promise.all([one.destroy(), other.destroy()])
})

it('drops a database when asked', async () => {
  const database = await openTestDatabase()
  await database.drop()
  await database.drop()
})

it.each([
  ['postgres://perdure@/postgres?host=%2Ftmp%2Fx', 'postgres://perdure@/fresh?host=%2Ftmp%2Fx'],
  ['postgres://root:secret@db.example:5432/main', 'postgres://root:secret@db.example:5432/fresh'],
  ['postgresql://db.example', 'postgresql://db.example/fresh'],
  ['postgres://db.example?sslmode=disable', 'postgres://db.example/fresh?sslmode=disable'],
])('%s names another database of the same server', (url, expected) => {
  expect(withDatabase(url, 'fresh')).toBe(expected)
})
