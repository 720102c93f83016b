import { type ChildProcess, spawn } from 'node:child_process'
import { mkdir, readFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { StartError } from '../../domain/start-error.ts'
import { type Account, giveTo } from './account.ts'
import type { Address } from './address.ts'
import type { Binaries } from './binaries.ts'
import { serverEnv } from './server-env.ts'

/** What a server is started from. */
export type Setup = {
  clusterDir: string
  binaries: Binaries
  account: Account
  address: Address
  /** Hears the server's own log, line by line. */
  observe: (line: string) => void
}

/** A server that runs. */
export type Postmaster = {
  pid: number
  /** Settles when it has ended, for whatever reason. */
  ended: Promise<void>
  /** Ends it: open transactions are rolled back, everything committed is on disk. Returns when it has ended. */
  stop(): Promise<void>
}

/** How long a server may be silent at its start, and how long its predecessor may hold the files, in milliseconds. */
const START_MS_MAX = 60_000
const STOP_MS_MAX = 15_000
const READY_POLL_MS = 10

/** Commits are on disk when they return; the rest is what suits one small server. */
const SETTINGS = [
  'fsync=on',
  'synchronous_commit=on',
  'max_connections=100',
  'shared_buffers=64MB',
  'jit=off',
  // Parallel workers share memory through /dev/shm, of which a container has little.
  'max_parallel_workers_per_gather=0',
  'max_parallel_maintenance_workers=0',
  'wal_compression=on',
  'max_wal_size=512MB',
  'checkpoint_timeout=15min',
  'log_min_messages=warning',
  'timezone=UTC',
  'unix_socket_permissions=0700',
]

/**
 * Runs the server and waits for its own input to end, which happens at the latest when the process that started it
 * dies; then it ends the server and removes the socket's folder (its first argument). The input is kept as number 3:
 * the shell gives a job in the background none of its own.
 */
const WATCHDOG = `
dir=$1; shift; exec 3<&0 0</dev/null
"$@" 3<&- & server=$!
(read -r _ <&3; kill -INT $server) 2>/dev/null & watcher=$!
exec 3<&-
trap 'kill -INT $server' INT TERM
while kill -0 $server 2>/dev/null; do wait $server; done
if kill -0 $watcher 2>/dev/null; then kill $watcher; else rmdir "$dir" 2>/dev/null; fi`

/** Starts the server and returns when it answers. Throws with the end of its log when it does not. */
export async function startPostmaster(setup: Setup): Promise<Postmaster> {
  if (setup.address.socketDir) {
    await mkdir(setup.address.socketDir, { recursive: true, mode: 0o700 })
    giveTo(setup.account, setup.address.socketDir)
  }
  const deadline = Date.now() + START_MS_MAX
  for (let pauseMs = 20; ; pauseMs = Math.min(pauseMs * 2, 500)) {
    const child = spawnServer(setup)
    const log = collectLog(child, setup.observe)
    const ended = endOf(child)
    if (await comesUp(ended, setup.address.connectionString)) {
      return { pid: await pidOf(setup.clusterDir), ended, stop: () => stop(child, ended, setup.clusterDir) }
    }
    child.stdin?.end()
    // A server of the last owner is still going down, or its processes or lock file are not gone yet.
    const held = /lock file|is still in use|pre-existing shared memory/.test(log())
    if (!held || Date.now() > deadline)
      throw new StartError(`The embedded PostgreSQL did not start:\n${log()}`)
    await ended
    await sleep(pauseMs)
  }
}

/** In a session of its own: Ctrl+C in a terminal is for us, who end the server when we are done with it. */
function spawnServer({ clusterDir, binaries, account, address }: Setup): ChildProcess {
  const settings = [...SETTINGS, ...address.settings].flatMap((setting) => ['-c', setting])
  const server = [binaries.postgres, '-D', clusterDir, ...settings]
  const watchdog = ['sh', '-c', WATCHDOG, 'perdure-postgres', address.socketDir ?? '', ...server]
  const [command = '', ...args] = platform() === 'win32' ? server : [...account.prefix, ...watchdog]
  const child = spawn(command, args, {
    ...account.ids,
    cwd: '/',
    env: serverEnv(binaries),
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: platform() !== 'win32',
    windowsHide: true,
  })
  child.stdin?.on('error', () => undefined)
  return child
}

/** Reads the log for as long as the server writes; returns a function that gives its last part. */
function collectLog(child: ChildProcess, observe: (line: string) => void): () => string {
  let tail = ''
  child.once('error', (error) => {
    tail += `${error.message}\n`
  })
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    tail = (tail + chunk).slice(-4_000)
    for (const line of chunk.split('\n')) if (line !== '') observe(line)
  })
  return () => tail.trim()
}

/** `close` comes after the last of the log; `error` alone when there was nothing to start. */
function endOf(child: ChildProcess): Promise<void> {
  return new Promise((done) => {
    child.once('close', () => done())
    child.once('error', () => done())
  })
}

/** Whether the server answers before it ends. One that recovers says so, and may take as long as it needs. */
async function comesUp(ended: Promise<void>, connectionString: string): Promise<boolean> {
  let gone = false
  void ended.then(() => {
    gone = true
  })
  for (let deadline = Date.now() + START_MS_MAX; !gone && Date.now() < deadline; await sleep(READY_POLL_MS)) {
    const answer = await ask(connectionString)
    if (answer === 'ready') return true
    if (answer === 'starting') deadline = Date.now() + START_MS_MAX
  }
  return false
}

/** PostgreSQL's code for "the database system is starting up". */
const CANNOT_CONNECT_NOW = '57P03'

async function ask(connectionString: string): Promise<'ready' | 'starting' | 'silent'> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return 'ready'
  } catch (error) {
    return error instanceof pg.DatabaseError && error.code === CANNOT_CONNECT_NOW ? 'starting' : 'silent'
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function pidOf(clusterDir: string): Promise<number> {
  return Number((await readFile(join(clusterDir, 'postmaster.pid'), 'utf8')).split('\n', 1)[0])
}

async function stop(child: ChildProcess, ended: Promise<void>, clusterDir: string): Promise<void> {
  if (platform() === 'win32') child.kill('SIGINT')
  child.stdin?.end()
  const late = new AbortController()
  const timely = await Promise.race([
    ended.then(() => true),
    sleep(STOP_MS_MAX, false, { signal: late.signal }).catch(() => true),
  ])
  late.abort()
  if (timely) return
  // It recovers from this at the next start; nothing that was committed is lost.
  const pid = await pidOf(clusterDir).catch(() => undefined)
  if (pid) process.kill(pid, 'SIGQUIT')
  await ended
}
