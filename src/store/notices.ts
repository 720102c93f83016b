import { sql } from 'kysely'
import pg from 'pg'
import type { RunId } from '../domain/id.ts'
import { leaveToCommit } from './pipeline.ts'
import type { Db } from './schema.ts'
import { inTransaction } from './transaction.ts'

const CHANNEL = 'perdure_runs'
/** PostgreSQL takes less than 8,000 bytes at once; an id has 40. */
const IDS_MAX = 150
/** How often the listener proves that it hears, in milliseconds; silence for twice as long means that it is deaf. */
const PROOF_MS = 10_000
const RECONNECT_MS = 1_000
/** How long the first proof may take. */
const FIRST_PROOF_MS = 3_000

type Notice = { from: string; runs: RunId[] }

/**
 * Tells the other processes that the logs of some runs have grown. In a transaction of its own that waits for no disk: one
 * that notifies and commits something else would hold a lock of the whole server until its commit is there.
 */
export async function sendNotice(db: Db, from: string, runs: RunId[]): Promise<void> {
  for (let at = 0; at < runs.length; at += IDS_MAX) {
    const notice: Notice = { from, runs: runs.slice(at, at + IDS_MAX) }
    await inTransaction(db, async (tx) => {
      leaveToCommit(tx, sql`set local synchronous_commit = off`.execute(tx))
      leaveToCommit(tx, sql`select pg_notify(${CHANNEL}, ${JSON.stringify(notice)})`.execute(tx))
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
export class NoticeListener {
  readonly #connectionString: string
  readonly #self: string
  readonly #handlers: NoticeHandlers
  #client: pg.Client | undefined
  #heardAt: number | null = null
  #proof: NodeJS.Timeout | undefined
  #retry: NodeJS.Timeout | undefined
  #stopped = false

  constructor(connectionString: string, self: string, handlers: NoticeHandlers) {
    this.#connectionString = connectionString
    this.#self = self
    this.#handlers = handlers
  }

  start(): void {
    this.#proof = setInterval(() => this.#check(), PROOF_MS)
    setTimeout(() => {
      if (this.#heardAt === null && !this.#stopped) this.#handlers.onHearing(false)
    }, FIRST_PROOF_MS).unref()
    void this.#connect()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#proof)
    clearTimeout(this.#retry)
    await this.#client?.end().catch(() => undefined)
  }

  async #connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#connectionString,
      application_name: 'perdure-listener',
    })
    this.#client = client
    client.on('error', () => this.#lose(client))
    client.on('end', () => this.#lose(client))
    client.on('notification', ({ payload }) => this.#hear(payload ?? ''))
    try {
      await client.connect()
      await client.query(`listen ${CHANNEL}`)
      await this.#prove(client)
    } catch {
      this.#lose(client)
    }
  }

  #hear(payload: string): void {
    const notice = JSON.parse(payload) as Notice
    if (notice.from === this.#self) {
      this.#heardAt = performance.now()
      this.#handlers.onHearing(true)
    } else this.#handlers.onRuns(notice.runs)
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client || this.#stopped) return
    this.#client = undefined
    this.#handlers.onHearing(false)
    client.end().catch(() => undefined)
    this.#retry = setTimeout(() => void this.#connect(), RECONNECT_MS)
  }

  async #prove(client: pg.Client): Promise<void> {
    const notice: Notice = { from: this.#self, runs: [] }
    await client.query('select pg_notify($1, $2)', [CHANNEL, JSON.stringify(notice)])
  }

  #check(): void {
    if (performance.now() - (this.#heardAt ?? 0) > 2 * PROOF_MS) this.#handlers.onHearing(false)
    const client = this.#client
    if (client) this.#prove(client).catch(() => this.#lose(client))
  }
}
