import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { platform, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { type Account, chooseAccount, giveTo } from './account.ts'
import { type Binaries, findBinaries } from './binaries.ts'
import { takeOwnership } from './ownership.ts'

export type EmbeddedServer = {
  connectionString: string
  pid: number
  stop(): Promise<void>
}

/** How long a server that is still going down, or recovers, is waited for, in milliseconds. */
const START_MS_MAX = 30_000
const READY_POLL_MS = 15
const STOP_MS_MAX = 15_000

/**
 * PostgreSQL as a child of this process, with its data in a folder: made on the first start, recovered after any kind of
 * death. It listens on a socket in a private folder (on 127.0.0.1 where there are none) and ends when this process does.
 * Throws DataFolderInUse when another server works with the folder.
 */
export async function openEmbedded(dataDirGiven: string): Promise<EmbeddedServer> {
  const dataDir = resolve(dataDirGiven)
  const giveBack = await takeOwnership(dataDir)
  try {
    const binaries = await findBinaries(join(dataDir, 'lib'))
    const account = chooseAccount([join(dataDir, 'postgres'), binaries.postgres])
    await createCluster(dataDir, binaries, account)
    const server = await startServer(dataDir, binaries, account)
    return { ...server, stop: () => server.stop().finally(giveBack) }
  } catch (error) {
    await giveBack()
    throw error
  }
}

/** Made beside its place and moved there when it is whole: a start that is killed half way leaves nothing to trip over. */
async function createCluster(dataDir: string, binaries: Binaries, account: Account): Promise<void> {
  const place = join(dataDir, 'postgres')
  if (existsSync(join(place, 'PG_VERSION'))) return giveTo(account, place)
  const draft = join(dataDir, 'postgres.new')
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true, mode: 0o700 })
  giveTo(account, draft)
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  const [command = '', ...args] = [
    ...account.prefix,
    binaries.initdb,
    '-D',
    draft,
    '-U',
    'perdure',
    '--auth=trust',
    '--no-sync',
    ...locale,
  ]
  await promisify(execFile)(command, args, {
    ...idsOf(account),
    cwd: '/',
    env: { ...process.env, ...binaries.env },
  })
  await rename(draft, place)
}

function idsOf({ uid, gid }: Account) {
  return { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) }
}

async function startServer(dataDir: string, binaries: Binaries, account: Account): Promise<EmbeddedServer> {
  const place = await listeningPlace(account)
  const deadline = Date.now() + START_MS_MAX
  for (let tries = 0; ; tries++) {
    const child = spawnServer(dataDir, binaries, account, place)
    const outcome = await readyOrGone(child, place.connectionString, deadline)
    if (outcome.ready)
      return {
        connectionString: place.connectionString,
        pid: child.pid ?? 0,
        stop: () => stopServer(child, place),
      }
    // A server that the last owner left is still going down, or its lock file is not gone yet.
    if (!/lock file|is still in use|pre-existing shared memory/.test(outcome.log) || Date.now() > deadline) {
      throw new Error(`The embedded PostgreSQL did not start:\n${outcome.log.slice(-2_000)}`)
    }
    await sleep(Math.min(50 * 2 ** tries, 500))
  }
}

type Place = { connectionString: string; settings: string[]; socketDir: string | null }

/** A socket's path has at most 107 bytes: it lies in a short private folder, not beside the data. */
async function listeningPlace(account: Account): Promise<Place> {
  if (platform() === 'win32') {
    const port = await freePort()
    return {
      connectionString: `postgres://perdure@127.0.0.1:${port}/postgres`,
      settings: ['listen_addresses=127.0.0.1', `port=${port}`],
      socketDir: null,
    }
  }
  const socketDir = await mkdtemp(join(tmpdir().length < 60 ? tmpdir() : '/tmp', 'perdure-'))
  giveTo(account, socketDir)
  return {
    connectionString: `postgres://perdure@/postgres?host=${encodeURIComponent(socketDir)}`,
    settings: ['listen_addresses=', `unix_socket_directories=${socketDir}`],
    socketDir,
  }
}

const SETTINGS = [
  'max_connections=100',
  'shared_buffers=64MB',
  'jit=off',
  'wal_compression=on',
  'max_wal_size=512MB',
  'checkpoint_timeout=15min',
  'log_min_messages=warning',
  'timezone=UTC',
]

/**
 * Waits for its input to end, which happens at the latest when this process dies, and then ends the server quickly. The
 * input is kept as number 3: the shell gives a job in the background none of its own.
 */
const WATCHDOG =
  'exec 3<&0; "$@" <&- & server=$!; trap "kill -INT $server" TERM INT; (cat <&3 >/dev/null; kill -INT $server 2>/dev/null) & exec 3<&-; wait $server'

function spawnServer(dataDir: string, binaries: Binaries, account: Account, place: Place): ChildProcess {
  const settings = [...SETTINGS, ...place.settings].flatMap((setting) => ['-c', setting])
  const server = [binaries.postgres, '-D', join(dataDir, 'postgres'), ...settings]
  const [command = '', ...args] =
    platform() === 'win32' ? server : [...account.prefix, 'sh', '-c', WATCHDOG, 'perdure-postgres', ...server]
  return spawn(command, args, {
    ...idsOf(account),
    cwd: '/',
    env: { ...process.env, ...binaries.env },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
}

type Outcome = { ready: true } | { ready: false; log: string }

async function readyOrGone(
  child: ChildProcess,
  connectionString: string,
  deadline: number,
): Promise<Outcome> {
  let log = ''
  let gone = false
  child.stderr?.on('data', (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-8_000)
  })
  child.once('exit', () => {
    gone = true
  })
  child.once('error', (error) => {
    log += error.message
    gone = true
  })
  while (!gone && Date.now() < deadline) {
    if (await answers(connectionString)) return { ready: true }
    await sleep(READY_POLL_MS)
  }
  if (!gone) child.stdin?.end()
  return { ready: false, log }
}

async function answers(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString })
  client.on('error', () => undefined)
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function stopServer(child: ChildProcess, place: Place): Promise<void> {
  const exited = new Promise<void>((done) => {
    if (child.exitCode !== null || child.signalCode !== null) done()
    else child.once('exit', () => done())
  })
  if (platform() === 'win32') child.kill('SIGINT')
  child.stdin?.end()
  await Promise.race([exited, sleep(STOP_MS_MAX, undefined, { ref: false })])
  if (place.socketDir) await rm(place.socketDir, { recursive: true, force: true })
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  if (typeof address !== 'object' || address === null) throw new Error('no free port')
  return address.port
}
