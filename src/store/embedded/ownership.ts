import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { StartError } from '../../domain/start-error.ts'

/** Another process, or another server in this one, works with the data folder. */
export class DataFolderInUse extends StartError {
  override name = 'DataFolderInUse'
}

/**
 * Takes a data folder for this process; returns what gives it back. Throws DataFolderInUse while another has it.
 *
 * The claim is a lock that the kernel drops when its process ends, however it ends: nothing can be left over, two
 * cannot win at once, and it holds between containers whose process numbers mean different things. Node has no call for
 * file locks, but its SQLite takes one on an empty file. `owner.json` only says who it is.
 */
export async function takeOwnership(dataDir: string): Promise<() => void> {
  await mkdir(dataDir, { recursive: true }).catch(refuse)
  const note = join(dataDir, 'owner.json')
  const lock = await lockSoon(join(dataDir, 'owner.lock'))
  if (!lock) {
    throw new DataFolderInUse(
      `The data folder ${dataDir} is in use by ${ownerOf(note)}. Stop that server, set PERDURE_DATA_DIR to another folder, or set DATABASE_URL.`,
    )
  }
  writeFileSync(note, JSON.stringify({ pid: process.pid }))
  return () => {
    if (!lock.isOpen) return
    rmSync(note, { force: true })
    lock.close()
  }
}

/** A process that was just killed has its lock until the kernel is done with it: a supervisor restarts sooner. */
const GRACE_MS = 1_000
const POLL_MS = 50

async function lockSoon(path: string): Promise<DatabaseSync | undefined> {
  for (const deadline = Date.now() + GRACE_MS; ; await sleep(POLL_MS)) {
    const lock = lockFile(path)
    if (lock || Date.now() > deadline) return lock
  }
}

/** SQLite's code for "somebody else has the lock". */
const SQLITE_BUSY = 5

function lockFile(path: string): DatabaseSync | undefined {
  const lock = new DatabaseSync(path, { timeout: 0 })
  try {
    // Nothing is written, so there must be no journal to be found after a crash.
    lock.exec('pragma journal_mode = memory; begin exclusive')
    return lock
  } catch (error) {
    lock.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined
    return refuse(error)
  }
}

function refuse(error: unknown): never {
  const reason = error instanceof Error ? error.message : String(error)
  throw new StartError(`The data folder cannot be used: ${reason}\nPERDURE_DATA_DIR names it.`)
}

function ownerOf(note: string): string {
  try {
    const { pid } = JSON.parse(readFileSync(note, 'utf8')) as { pid?: unknown }
    return typeof pid === 'number' ? `process ${pid}` : 'another process'
  } catch {
    return 'another process'
  }
}
