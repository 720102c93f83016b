import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { PgBoss } from 'pg-boss'
import { afterEach, describe, expect, it } from 'vitest'
import { type Binaries, findBinaries, installedRoot } from './binaries.ts'
import { type EmbeddedServer, openEmbedded } from './open-embedded.ts'
import { DataFolderInUse } from './ownership.ts'

const isRoot = process.getuid?.() === 0
const isLinux = platform() === 'linux'

const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe('the embedded PostgreSQL', () => {
  it.each([
    ['a folder with spaces and letters of other languages', 'my agents — données'],
    ['a folder whose path is longer than a socket may have', 'deep/'.repeat(30)],
  ])('keeps what was committed, in %s', async (_, name) => {
    const dataDir = join(await newFolder(), name)
    const first = await open(dataDir)
    await query(first, 'create table note (text text)')
    await query(first, "insert into note values ('kept')")
    await first.stop()
    expect(existsSync(first.socketDir ?? '')).toBe(false)

    const second = await open(dataDir)
    expect(await query(second, 'select text from note')).toEqual([{ text: 'kept' }])
  })

  it('carries a queue', async () => {
    const { connectionString } = await open(await newFolder())
    const boss = new PgBoss({ connectionString })
    boss.on('error', () => undefined)
    await boss.start()
    await boss.createQueue('letters')
    await boss.send('letters', { to: 'you' })
    expect(await boss.fetch('letters')).toMatchObject([{ data: { to: 'you' } }])
    await boss.stop({ graceful: false })
  })

  it('does what its settings say: every commit is on disk', async () => {
    const server = await open(await newFolder())
    expect(await query(server, 'show fsync')).toEqual([{ fsync: 'on' }])
    expect(await query(server, 'show synchronous_commit')).toEqual([{ synchronous_commit: 'on' }])
  })

  it('does not hear of settings for other servers', async () => {
    process.env.PGPORT = '1'
    process.env.PGSSLMODE = 'require'
    cleanups.push(() => {
      delete process.env.PGPORT
      delete process.env.PGSSLMODE
    })
    const server = await open(await newFolder())
    expect(await query(server, 'select 1 as one')).toEqual([{ one: 1 }])
  })

  it.runIf(isRoot && isLinux)('does not run as root, also in a folder that anybody can reach', async () => {
    const dataDir = await newFolder()
    chmodSync(dataDir, 0o755)
    const open1 = await open(dataDir)
    expect(ownerOf(open1.pid)).not.toBe(0)
    await open1.stop()

    // Later nobody else can reach it any more.
    chmodSync(dataDir, 0o700)
    const open2 = await open(dataDir)
    expect(await query(open2, 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('the owner of a data folder', () => {
  it('is the only one, and the second hears who it is', async () => {
    const dataDir = await newFolder()
    const owner = await openInChild(dataDir)

    const refused = await openEmbedded(dataDir).catch((error: unknown) => error)
    expect(refused).toBeInstanceOf(DataFolderInUse)
    expect(String(refused)).toContain(`is in use by process ${owner.process.pid}. Stop that server, set`)
  })

  it('is the only one in this process too', async () => {
    const dataDir = await newFolder()
    await open(dataDir)
    await expect(openEmbedded(dataDir)).rejects.toThrow(DataFolderInUse)
  })

  it('is one, when many start at once', async () => {
    const dataDir = await newFolder()
    const tries = await Promise.allSettled([1, 2, 3, 4].map(() => open(dataDir)))
    expect(tries.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
  })

  it('can be killed: its server ends, the next owner finds everything that was committed', async () => {
    const dataDir = await newFolder()
    const owner = await openInChild(dataDir)
    await query(owner, 'create table note (text text)')
    await query(owner, "insert into note values ('kept')")
    const killed = once(owner.process, 'exit')
    owner.process.kill('SIGKILL')
    await killed

    const next = await open(dataDir)
    expect(await query(next, 'select text from note')).toEqual([{ text: 'kept' }])
    await until(() => !existsSync(owner.socketDir))
    expect(lives(owner.pid)).toBe(false)
  })

  it.skipIf(platform() === 'win32')(
    'can be interrupted at its terminal, and still has its server',
    async () => {
      const dataDir = await newFolder()
      const owner = await openInChild(dataDir)
      process.kill(-(owner.process.pid ?? 0), 'SIGINT')
      await sleep(300)
      expect(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8')).toMatch(
        new RegExp(`^${owner.pid}\n`),
      )
      expect(owner.process.exitCode).toBe(null)
    },
  )

  // Goal: not even a server that nothing watches any more keeps the next owner out.
  // Method: the owner is stopped, its watchdog is killed, then the owner.
  it.runIf(isLinux)('ends a server that lost its owner and its watchdog', async () => {
    const dataDir = await newFolder()
    const owner = await openInChild(dataDir)
    await query(owner, 'create table note (text text)')
    killWatchdog(owner)
    owner.process.kill('SIGKILL')
    await sleep(200)
    expect(lives(owner.pid)).toBe(true)

    const next = await open(dataDir)
    expect(await query(next, 'select count(*)::int as notes from note')).toEqual([{ notes: 0 }])
    expect(lives(owner.pid)).toBe(false)
  })

  it.runIf(isLinux)('is not kept out by a server that died while nobody watched', async () => {
    const dataDir = await newFolder()
    const owner = await openInChild(dataDir)
    await query(owner, 'create table note (text text)')
    killWatchdog(owner)
    process.kill(owner.pid, 'SIGKILL')
    owner.process.kill('SIGKILL')

    const next = await open(dataDir)
    expect(await query(next, 'select count(*)::int as notes from note')).toEqual([{ notes: 0 }])
  })

  it.runIf(isLinux)('is not kept out by a lock file whose process is another program by now', async () => {
    const dataDir = await newFolder()
    const server = await open(dataDir)
    const lockFile = join(dataDir, 'postgres/postmaster.pid')
    const lines = readFileSync(lockFile, 'utf8').split('\n')
    await server.stop()
    const sleeper = spawn('sleep', ['60'])
    cleanups.push(() => sleeper.kill())
    writeFileSync(lockFile, [sleeper.pid, ...lines.slice(1)].join('\n'), { mode: 0o644 })

    expect(await query(await open(dataDir), 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe('a server that dies', () => {
  it('is back at the same address, with everything that was committed', async () => {
    const server = await open(await newFolder())
    await query(server, 'create table note (text text)')
    await query(server, "insert into note values ('kept')")
    const { pid } = server
    process.kill(pid, 'SIGKILL')
    await until(() => server.pid !== pid)

    expect(await query(server, 'select text from note')).toEqual([{ text: 'kept' }])
  })

  it('can be stopped while it is starting again', async () => {
    const dataDir = await newFolder()
    const server = await open(dataDir)
    process.kill(server.pid, 'SIGKILL')
    await sleep(30)
    await server.stop()
    // The file of the killed one stays when there was no time to start another; the next owner removes it.
    const lockFile = join(dataDir, 'postgres/postmaster.pid')
    const pid = existsSync(lockFile) ? Number(readFileSync(lockFile, 'utf8').split('\n', 1)[0]) : undefined
    if (pid) expect(lives(pid)).toBe(false)
    expect(await query(await open(dataDir), 'select 1 as one')).toEqual([{ one: 1 }])
  })
})

describe("the package's libraries", () => {
  it.skipIf(platform() === 'win32')('are linked elsewhere when its folder is read-only', async () => {
    const folder = await newFolder()
    const root = join(folder, 'package')
    cpSync(installedRoot(), root, { recursive: true, filter: (path) => !isLink(path) })
    const lib = join(root, 'native/lib')
    chmodSync(lib, 0o555)
    cleanups.push(() => chmodSync(lib, 0o755))

    const { env, initdb } = await findBinariesUnprivileged(join(folder, 'links'), root)
    expect(env.LD_LIBRARY_PATH).toContain(join(folder, 'links'))
    expect(await exitCodeOf(initdb, env)).toBe(0)
  })

  it('are linked in its folder when no install script did so', async () => {
    const root = join(await newFolder(), 'package')
    cpSync(installedRoot(), root, { recursive: true, filter: (path) => !isLink(path) })

    const { env, initdb } = await findBinaries('/nowhere', root)
    expect(env).toEqual({})
    expect(await exitCodeOf(initdb, env)).toBe(0)
  })
})

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-embedded-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function open(dataDir: string): Promise<EmbeddedServer> {
  const server = await openEmbedded(dataDir)
  cleanups.push(() => server.stop())
  return server
}

async function query({ connectionString }: { connectionString: string }, statement: string) {
  const client = new pg.Client({ connectionString })
  await client.connect()
  return client
    .query(statement)
    .then(({ rows }) => rows as unknown[])
    .finally(() => client.end())
}

type Child = { process: ChildProcess; connectionString: string; socketDir: string; pid: number }

/** Opens the server in another process, the first of its group, which then waits to be killed. */
async function openInChild(dataDir: string): Promise<Child> {
  const module = fileURLToPath(new URL('./open-embedded.ts', import.meta.url))
  const program = `
    const { openEmbedded } = await import(${JSON.stringify(module)})
    process.on('SIGINT', () => undefined)
    console.log(JSON.stringify(await openEmbedded(${JSON.stringify(dataDir)})))
    setInterval(() => undefined, 1_000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const opened = JSON.parse(line.toString()) as Omit<Child, 'process'>
  cleanups.push(async () => {
    child.kill('SIGKILL')
    await until(() => !lives(opened.pid))
  })
  return { process: child, ...opened }
}

/** As somebody who cannot write where it is forbidden, which root can. */
async function findBinariesUnprivileged(cacheDir: string, root: string): Promise<Binaries> {
  const module = fileURLToPath(new URL('./binaries.ts', import.meta.url))
  const program = `
    const { findBinaries } = await import(${JSON.stringify(module)})
    console.log(JSON.stringify(await findBinaries(${JSON.stringify(cacheDir)}, ${JSON.stringify(root)})))`
  const prefix = isRoot ? ['unshare', '--user', '--map-user=65534', '--map-group=65534'] : []
  const [command = '', ...args] = [...prefix, process.execPath, '--input-type=module', '-e', program]
  const { stdout } = await promisify(execFile)(command, args)
  return JSON.parse(stdout) as Binaries
}

async function until(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 10_000; !holds(); await sleep(20)) {
    if (Date.now() > deadline) throw new Error('it did not come to pass in 10 s')
  }
}

/** The dead count as dead, also while nobody has asked yet how they died. */
function lives(pid: number): boolean {
  try {
    return isLinux ? statOf(pid)[0] !== 'Z' : process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Fields of a process as the kernel tells them, counted from the one after its name. */
function statOf(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function groupOf(pid: number): string {
  return statOf(pid)[2] ?? ''
}

/** The owner stands still from then on: it would start its server again when it sees the watchdog end. */
function killWatchdog(owner: { pid: number; process: ChildProcess }): void {
  owner.process.kill('SIGSTOP')
  for (const pid of shellsOfGroup(groupOf(owner.pid))) process.kill(pid, 'SIGKILL')
}

/** The shells that watch a server: they are in its process group. */
function shellsOfGroup(group: string): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.map(Number).filter((pid) => {
    try {
      return groupOf(pid) === group && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'sh'
    } catch {
      return false
    }
  })
}

function ownerOf(pid: number): number {
  return Number(/^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
}

/** The links that an install script may have made. */
function isLink(path: string): boolean {
  return lstatSync(path).isSymbolicLink()
}

async function exitCodeOf(program: string, env: Record<string, string>): Promise<number> {
  const [code] = await once(spawn(program, ['--version'], { env: { ...process.env, ...env } }), 'exit')
  return code as number
}
