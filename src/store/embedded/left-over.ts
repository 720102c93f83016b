import { existsSync } from 'node:fs'
import { readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { socketUrl } from './address.ts'
import { USER } from './cluster.ts'

/** A server's lock file, as far as it is of use here. */
type Left = { pid: number; connectionString: string; socketDir: string | null }

/** How long a server may take to end once it was asked to, in milliseconds. */
const END_MS_MAX = 20_000

/**
 * Clears away what an owner left that died together with the watchdog of its server. Call it as the owner of the data
 * folder: then a server that still runs there belongs to nobody. One that answers is ended; a lock file whose process
 * is gone or something else by now is no obstacle. What is going down by itself is left alone: the start waits for it.
 */
export async function endLeftOver(clusterDir: string): Promise<void> {
  const file = join(clusterDir, 'postmaster.pid')
  const left = await readLockFile(file)
  if (!left) return
  if (!(await mayBeServer(left.pid))) await disown(file)
  else if (await serves(left, clusterDir)) await end(left.pid)
  if (left.socketDir && !(await mayBeServer(left.pid))) await removeSocket(left.socketDir)
}

/** Lines of the file: pid, data folder, start time, port, socket folder, address. */
async function readLockFile(file: string): Promise<Left | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const [pid, , , port, socketDir] = text.split('\n')
  if (!pid || !port) return undefined
  const connectionString = socketDir
    ? socketUrl(socketDir, Number(port))
    : `postgres://${USER}@127.0.0.1:${port}/postgres?sslmode=disable`
  return { pid: Number(pid), connectionString, socketDir: socketDir || null }
}

/** Whether a server answers there and has its data in this folder. */
async function serves(left: Left, clusterDir: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: left.connectionString, connectionTimeoutMillis: 2_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query<{ data_directory: string }>('show data_directory')
    return rows.some((row) => resolve(row.data_directory) === clusterDir)
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function end(pid: number): Promise<void> {
  process.kill(pid, 'SIGINT')
  for (const deadline = Date.now() + END_MS_MAX; Date.now() < deadline; await sleep(20)) {
    if (!(await mayBeServer(pid))) return
  }
}

/**
 * Whether a number belongs to a PostgreSQL server. In containers numbers are soon given to other programs, and the dead
 * keep theirs until somebody asks how they died. Only Linux tells; elsewhere a number that is taken may be a server.
 */
async function mayBeServer(pid: number): Promise<boolean> {
  if (platform() === 'linux') {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes('postgres')
  }
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Larger than any process's number. */
const NOBODYS_PID = 999_999_999

/**
 * Makes a lock file one of a dead process. It is not removed: it also names the shared memory, and PostgreSQL looks
 * there for processes that outlived their server.
 */
async function disown(file: string): Promise<void> {
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace(/^\d+/, String(NOBODYS_PID)))
}

/** Removes the folder of a socket, and nothing else that may be in it. */
export async function removeSocket(socketDir: string): Promise<void> {
  if (!existsSync(socketDir)) return
  for (const name of ['.s.PGSQL.5432', '.s.PGSQL.5432.lock']) await rm(join(socketDir, name), { force: true })
  await rmdir(socketDir).catch(() => undefined)
}
