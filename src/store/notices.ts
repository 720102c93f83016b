import { sql } from 'kysely'
import pg from 'pg'
import type { RunId } from '../domain/id.ts'
import type { Db } from './schema.ts'

const CHANNEL = 'perdure_runs'
/** PostgreSQL takes less than 8,000 bytes at once; an id has 40. */
const IDS_MAX = 150
/** How often the listener proves that it hears, in milliseconds; silence for twice as long means that it is deaf. */
const PROOF_MS = 10_000
const RECONNECT_MS = 1_000

type Notice = { from: string; runs: RunId[] }

/**
 * Tells the other processes that the logs of some runs have grown. In a transaction of its own that waits for no disk: one
 * that notifies and commits something else would hold a lock of the whole server until its commit is there.
 */
export async function sendNotice(db: Db, from: string, runs: RunId[]): Promise<void> {
  for (let at = 0; at < runs.length; at += IDS_MAX) {
    const notice: Notice = { from, runs: runs.slice(at, at + IDS_MAX) }
    await db.transaction().execute(async (tx) => {
      await sql`set local synchronous_commit = off`.execute(tx)
      await sql`select pg_notify(${CHANNEL}, ${JSON.stringify(notice)})`.execute(tx)
    })
  }
}

export type NoticeHandlers = {
  /** Runs of which another process has news. */
  onRuns(runs: RunId[]): void
  /** Whether notices arrive: false while there is no connection, or one that hears nothing, as behind a pooler. */
  onHearing(hears: boolean): void
}

/**
 * Hears what other processes tell, on a connection of its own that is made again when it is lost. What was told meanwhile
 * is lost: a notice is only a hint. The listener tells itself something from time to time, to know that it hears.
 */
export function listenForNotices(
  connectionString: string,
  self: string,
  handlers: NoticeHandlers,
): () => Promise<void> {
  let client: pg.Client | undefined
  let stopped = false
  let heardAt = 0
  let retry: NodeJS.Timeout | undefined

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString, application_name: 'perdure-listener' })
    client = next
    next.on('error', () => lose(next))
    next.on('end', () => lose(next))
    next.on('notification', ({ payload }) => hear(payload ?? ''))
    try {
      await next.connect()
      await next.query(`listen ${CHANNEL}`)
      await prove()
    } catch {
      lose(next)
    }
  }

  function hear(payload: string): void {
    const notice = JSON.parse(payload) as Notice
    if (notice.from !== self) handlers.onRuns(notice.runs)
    else {
      heardAt = performance.now()
      handlers.onHearing(true)
    }
  }

  function lose(lost: pg.Client): void {
    if (client !== lost || stopped) return
    client = undefined
    handlers.onHearing(false)
    lost.end().catch(() => undefined)
    retry = setTimeout(() => void connect(), RECONNECT_MS)
  }

  async function prove(): Promise<void> {
    const notice: Notice = { from: self, runs: [] }
    await client?.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(notice)])
  }

  function check(): void {
    if (performance.now() - heardAt > 2 * PROOF_MS) handlers.onHearing(false)
    prove().catch(() => client && lose(client))
  }

  void connect()
  const proof = setInterval(check, PROOF_MS)
  return async () => {
    stopped = true
    clearInterval(proof)
    clearTimeout(retry)
    await client?.end().catch(() => undefined)
  }
}
