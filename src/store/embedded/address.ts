import { mkdtemp } from 'node:fs/promises'
import { createServer } from 'node:net'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { USER } from './cluster.ts'

/** Where the server listens. */
export type Address = {
  connectionString: string
  /** Settings of the server, as `name=value`. */
  settings: string[]
  /** The private folder of the socket; null where it listens on 127.0.0.1. */
  socketDir: string | null
}

/** The number in a socket's name. */
const SOCKET_PORT = 5432

/** A socket's path has at most 107 bytes, and the setting is a list: other folders than short, plain ones do not do. */
const FOLDER_FIT = /^\/[\w./-]{0,60}$/

/** The folder in which sockets get a folder of their own. */
export function socketRoot(): string {
  return FOLDER_FIT.test(tmpdir()) ? tmpdir() : '/tmp'
}

/** A new address: a socket in a folder that nobody else can enter, or (on Windows) a free port of this machine. */
export async function newAddress(): Promise<Address> {
  if (platform() === 'win32') {
    const port = await freePort()
    return {
      connectionString: `postgres://${USER}@127.0.0.1:${port}/postgres?sslmode=disable`,
      settings: ['listen_addresses=127.0.0.1', `port=${port}`],
      socketDir: null,
    }
  }
  const socketDir = await mkdtemp(join(socketRoot(), 'perdure-'))
  return {
    connectionString: socketUrl(socketDir, SOCKET_PORT),
    settings: ['listen_addresses=', `unix_socket_directories=${socketDir}`, `port=${SOCKET_PORT}`],
    socketDir,
  }
}

export function socketUrl(socketDir: string, port: number): string {
  return `postgres://${USER}@/postgres?host=${encodeURIComponent(socketDir)}&port=${port}&sslmode=disable`
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}
