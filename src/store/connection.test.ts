import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { openDatabaseProxy } from '../../test/database-proxy.ts'
import { openTestDatabase } from '../../test/databases.ts'
import { dbOf, openPool } from './connection.ts'
import { inTransaction, isPassing } from './transaction.ts'

it('a connection that is cut in the middle of a transaction fails that, and ends no process', async () => {
  const { url } = await openTestDatabase()
  const db = dbOf(openPool({ connectionString: url }))
  const cut = db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx)
    // From outside, and while the transaction has no query on its way.
    await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(db)
    await new Promise((done) => setTimeout(done, 200))
    await sql`select 1`.execute(tx)
  })
  await expect(cut).rejects.toThrow()
  expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  await db.destroy()
})

it('a connection that answers no more is given up, and the trouble is one that passes', async () => {
  const { url } = await openTestDatabase()
  const proxy = await openDatabaseProxy(url)
  const db = dbOf(openPool({ connectionString: proxy.url, answerMs: 300 }))
  await sql`select 1`.execute(db)
  proxy.silence()
  const unanswered = inTransaction(db, async (tx) => {
    await Promise.all([sql`select 1`.execute(tx), sql`select 2`.execute(tx)])
  })
  const error = await unanswered.catch((error: unknown) => error)
  expect(error).toBeInstanceOf(Error)
  expect(isPassing(error)).toBe(true)
  expect((await sql`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }])
  await db.destroy()
  proxy.close()
})

it('sessions of our own plan for pages, unless the address says otherwise', async () => {
  const { url } = await openTestDatabase()
  const jitOf = async (connectionString: string) => {
    const db = dbOf(openPool({ connectionString }))
    const { rows } = await sql<{ jit: string }>`select current_setting('jit') as jit`.execute(db)
    await db.destroy()
    return rows[0]?.jit
  }
  expect(await jitOf(url)).toBe('off')
  expect(
    await jitOf(`${url}${url.includes('?') ? '&' : '?'}options=${encodeURIComponent('-c jit=on')}`),
  ).toBe('on')
})
