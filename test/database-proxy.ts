import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import pg from 'pg'

/** Stands between a server and its database, counts commits, and loses the answers of those that a test names. */
export type DatabaseProxy = {
  url: string
  /** Commits that have passed. */
  readonly commits: number
  /** The nth commit from now reaches the database, and its answer reaches nobody: the connection is gone. */
  cut(nth: number): void
  /** Whether that has happened. */
  readonly hasCut: boolean
  /** Connections that are open now stay open, and nothing comes back over them any more. */
  silence(): void
  close(): void
}

/** A simple query of this one word: `Q`, length, text, NUL. Other statements may come with it. */
const COMMIT = Buffer.concat([Buffer.from('Q'), Buffer.from([0, 0, 0, 11]), Buffer.from('commit\0')])
/** The answer to it. */
const COMMITTED = Buffer.from('COMMIT\0')

export async function openDatabaseProxy(databaseUrl: string): Promise<DatabaseProxy> {
  const {
    host,
    port,
    user = 'postgres',
    password,
    database,
  } = new pg.Client({ connectionString: databaseUrl })
  let commits = 0
  let cutAt = 0
  let connections = 0
  /** Of the connections, those before this one are silent. */
  let audibleFrom = 0
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
    const number = connections++
    let losing = false
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
    client.on('data', (chunk: Buffer) => {
      if (chunk.includes(COMMIT)) {
        commits += 1
        losing ||= commits === cutAt
      }
      upstream.write(chunk)
    })
    upstream.on('data', (chunk: Buffer) => {
      if (number < audibleFrom) return
      if (!losing) client.write(chunk)
      else if (chunk.includes(COMMITTED)) client.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const at = typeof address === 'object' && address ? address.port : 0
  const login = password ? `${user}:${encodeURIComponent(String(password))}` : user
  return {
    url: `postgres://${login}@127.0.0.1:${at}/${database}`,
    get commits() {
      return commits
    },
    get hasCut() {
      return cutAt > 0 && commits >= cutAt
    },
    cut(nth) {
      cutAt = commits + nth
    },
    silence() {
      audibleFrom = connections
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
