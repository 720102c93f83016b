import { CompiledQuery, type DatabaseConnection, DummyDriver, PostgresDialect, Transaction } from 'kysely'
import pg from 'pg'
import type { Database, Db } from './schema.ts'
import { sqlState } from './sql-state.ts'

/** What Kysely wants to be told of, and a handle on one connection has no use for. */
const UNUSED = {
  dialect: new PostgresDialect({ pool: async () => new pg.Pool() }),
  driver: new DummyDriver(),
}

/** The statement that begins a transaction, where it is more than that. */
const begins = new WeakMap<Db, string>()

/** Every transaction of this handle begins with these settings, which end with it. */
export function beginWith(db: Db, settings: Record<string, number>): void {
  const sets = Object.entries(settings).map(([name, value]) => `set local ${name} = ${value}`)
  begins.set(db, ['begin', ...sets].join('; '))
}

/** Statements that the commit answers for, by their transaction. */
const left = new WeakMap<Db, Promise<unknown>[]>()
/** Why one of them has failed already: it may not have gone out at all, and then the commit would not know. */
const unsent = new WeakMap<Db, unknown>()

/**
 * One transaction on one connection. A statement goes out when it is made: the answers to those before it are not waited
 * for, and the server takes them in their order. So statements that need nothing of each other cost one round trip
 * together: `Promise.all([…])`. When one fails, those behind it and the commit fail with it.
 */
export async function transact<Result>(db: Db, work: (tx: Db) => Promise<Result>): Promise<Result> {
  return db.getExecutor().provideConnection(async (connection) => {
    const open = openOn(db, connection)
    const begun = run(connection, begins.get(db) ?? 'begin')
    begun.catch(ignore)
    try {
      const result = await work(open.tx)
      if (unsent.has(open.tx)) throw unsent.get(open.tx)
      open.close()
      const committed = commit(connection)
      committed.catch(ignore)
      await Promise.all([begun, ...(left.get(open.tx) ?? [])])
      await committed
      return result
    } catch (error) {
      open.close()
      // A connection on which even this fails is gone, and its transaction with it.
      await run(connection, 'rollback').catch(ignore)
      throw isConsequence(error) ? (open.failure() ?? error) : error
    }
  })
}

/**
 * `25P02`: a statement before this one has failed. `26000`: so has one that it would have been prepared by. Of several that
 * fail, any may be heard of first.
 */
function isConsequence(error: unknown): boolean {
  return error instanceof Aborted || /^(25P02|26000)$/.test(sqlState(error) ?? '')
}

/** A commit that the database has turned into the contrary. */
class Aborted extends Error {
  override name = 'Aborted'
}

/** The last statement of a transaction, whose answer nobody needs: it goes out with the commit, which fails if it does. */
export function leaveToCommit(tx: Db, statement: Promise<unknown>): void {
  statement.catch((error: unknown) => unsent.set(tx, error))
  const before = left.get(tx)
  if (before) before.push(statement)
  else left.set(tx, [statement])
}

/**
 * Statements of one connection, in one round trip where they need nothing of each other. They are no transaction, but behind
 * a pooler: it may take the connection away between two statements, and the answers to those on their way would be lost.
 */
export async function onOneConnection<Result>(db: Db, work: (db: Db) => Promise<Result>): Promise<Result> {
  if (begins.has(db)) return transact(db, work)
  return db.getExecutor().provideConnection(async (connection) => {
    const { tx, close } = openOn(db, connection)
    try {
      return await work(tx)
    } finally {
      close()
    }
  })
}

type Opened = {
  tx: Db
  close(): void
  /** Why the last statement failed that had a reason of its own. */
  failure(): unknown
}

function openOn(db: Db, connection: DatabaseConnection): Opened {
  let isOpen = true
  let failure: unknown
  const watched: DatabaseConnection = {
    executeQuery: (query) =>
      connection.executeQuery<never>(query).catch((error: unknown) => {
        if (!isConsequence(error)) failure = error
        throw error
      }),
    streamQuery: (query, size) => connection.streamQuery(query, size),
  }
  const executor = db.getExecutor().withConnectionProvider({
    async provideConnection(use) {
      if (!isOpen) throw new Error('a statement came after the end of its transaction')
      return use(watched)
    },
  })
  const tx = new Transaction<Database>({ ...UNUSED, config: UNUSED, executor })
  const close = () => {
    isOpen = false
  }
  return { tx, close, failure: () => failure }
}

/** The server answers a commit with ROLLBACK when a statement before it has failed. */
async function commit(connection: DatabaseConnection): Promise<void> {
  const { rows } = await run(connection, 'commit')
  const [row] = rows as { command?: string }[]
  if (row?.command === 'ROLLBACK') throw new Aborted('a statement of the transaction had failed')
}

function run(connection: DatabaseConnection, text: string) {
  return connection.executeQuery(CompiledQuery.raw(text))
}

function ignore(): void {}
