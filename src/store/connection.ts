import { Socket } from 'node:net'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { OWN_OPTIONS, type Sessions } from './address.ts'
import { beginWith } from './pipeline.ts'
import type { Database, Db } from './schema.ts'
import { preparedName } from './statement.ts'

export type ConnectionOptions = {
  connectionString: string
  /** Connections at most. */
  connectionsMax?: number
  /** How long a request waits for a free connection, in milliseconds. */
  checkoutMs?: number
  /** How long a statement may stay without an answer before its connection is given up, in milliseconds. */
  answerMs?: number
  /** Default: own. */
  sessions?: Sessions
}

/** Of the database itself, in milliseconds. */
const TIMEOUTS = {
  statement_timeout: 30_000,
  lock_timeout: 5_000,
  idle_in_transaction_session_timeout: 15_000,
} as const

/** Longer than the database's own: what passes it has lost the database, or a pooler that has lost the answer. */
const ANSWER_MS = 60_000

/**
 * A pool of connections. Timestamps arrive as RFC 3339 text with all their microseconds and 64-bit integers as numbers:
 * a JavaScript `Date` would cut a cursor to milliseconds.
 */
export function openPool(options: ConnectionOptions): pg.Pool {
  const pool = new pg.Pool({
    ...(options.sessions !== 'shared' && { Client: PreparingClient }),
    connectionString: options.connectionString,
    // Statements do not wait for the answers to those before them.
    pipeline: true,
    stream: gatheringSocket,
    max: options.connectionsMax ?? 16,
    connectionTimeoutMillis: options.checkoutMs ?? 5_000,
    idleTimeoutMillis: 60_000,
    query_timeout: options.answerMs ?? ANSWER_MS,
    types: { getTypeParser },
    ...(options.sessions !== 'shared' && { ...TIMEOUTS, options: OWN_OPTIONS }),
    application_name: 'perdure',
  })
  surviveLoss(pool)
  return pool
}

/**
 * A connection that dies is replaced at the next checkout, and whoever has it hears of it from the next statement. Without
 * listeners it would end the process: the pool's for one that is idle, its own for one between two statements.
 */
export function surviveLoss(pool: pg.Pool): void {
  pool.on('error', () => undefined)
  pool.on('connect', (client) => client.on('error', () => undefined))
}

export function dbOf(pool: pg.Pool, sessions: Sessions = 'own'): Db {
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  // Behind a pooler each transaction brings its timeouts along, with the statement that begins it.
  if (sessions === 'shared') beginWith(db, TIMEOUTS)
  return db
}

/**
 * Keeps the plans of statements for as long as the connection lasts. Not behind a pooler: the next transaction may meet
 * another session there, which has none of them.
 */
class PreparingClient extends pg.Client {
  // One signature stands for the many that a client has; Kysely uses the two with a text first.
  override query = ((given: unknown, ...rest: unknown[]) => {
    const name = typeof given === 'string' ? preparedName(given) : undefined
    const [values, ...others] = rest
    return name === undefined
      ? this.#query(given, ...rest)
      : this.#query({ name, text: given, values }, ...others)
  }) as pg.Client['query']

  #query(...given: unknown[]): unknown {
    return Reflect.apply(pg.Client.prototype.query, this, given)
  }
}

/** What is written before the event loop turns goes out in one piece: a call of the system costs more than its bytes. */
function gatheringSocket(): Socket {
  const socket = new Socket()
  const write = socket.write.bind(socket)
  let gathers = false
  const gather = (...given: Parameters<typeof write>) => {
    if (!gathers) {
      gathers = true
      socket.cork()
      process.nextTick(() => {
        gathers = false
        socket.uncork()
      })
    }
    return write(...given)
  }
  // Connecting puts the ordinary `write` back. Its two ways to be called are more than one that passes them on says.
  socket.once('connect', () => Object.assign(socket, { write: gather }))
  return socket
}

const OID = { int8: 20, timestamptz: 1184, numeric: 1700 } as const

function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (format === 'binary') return pg.types.getTypeParser(oid, 'binary')
  if (oid === OID.timestamptz) return toRfc3339
  if (oid === OID.int8 || oid === OID.numeric) return Number
  return pg.types.getTypeParser(oid, 'text')
}

/**
 * `2026-03-02 09:15:04.12+00` → `2026-03-02T09:15:04.120000Z`. Any offset is taken; whole hours and minutes of it are
 * moved into the time.
 */
export function toRfc3339(text: string): string {
  const match = /^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d+))?([+-]\d\d)(?::?(\d\d))?$/.exec(text)
  if (!match) return text
  const [, date, time, fraction = '', hours = '+00', minutes = '00'] = match
  const micros = fraction.padEnd(6, '0')
  if (Number(hours) === 0 && minutes === '00') return `${date}T${time}.${micros}Z`
  const moved = new Date(`${date}T${time}${hours}:${minutes}`).toISOString()
  return `${moved.slice(0, 19)}.${micros}Z`
}
