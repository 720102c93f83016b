import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Another process works with the data folder. */
export class DataFolderInUse extends Error {
  override name = 'DataFolderInUse'
}

type Owner = { pid: number; startedAt: string }

/**
 * Takes a data folder for this process. An owner that is gone, however it went, is no obstacle: what counts is a living
 * process with the pid *and* the start time that it wrote. Returns what gives the folder back.
 */
export async function takeOwnership(dataDir: string): Promise<() => Promise<void>> {
  await mkdir(dataDir, { recursive: true })
  const file = join(dataDir, 'owner.json')
  const mine: Owner = { pid: process.pid, startedAt: await startTimeOf(process.pid) }
  for (let tries = 0; tries < 5; tries++) {
    try {
      await writeFile(file, JSON.stringify(mine), { flag: 'wx' })
      return () => rm(file, { force: true })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const owner = await readOwner(file)
      if (owner && (await lives(owner))) {
        throw new DataFolderInUse(
          `The data folder ${dataDir} is in use by process ${owner.pid}. Stop that server, set PERDURE_DATA_DIR to another folder, or set DATABASE_URL.`,
        )
      }
      // Moved away, not deleted: of two that find it stale at once, one moves it and the other starts over.
      await rename(file, `${file}.${process.pid}`).catch(() => undefined)
      await rm(`${file}.${process.pid}`, { force: true })
    }
  }
  throw new DataFolderInUse(`The data folder ${dataDir} is being taken by another process.`)
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(file, 'utf8')) as Owner
    return typeof owner.pid === 'number' ? owner : undefined
  } catch {
    return undefined
  }
}

async function lives(owner: Owner): Promise<boolean> {
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  return (await startTimeOf(owner.pid)) === owner.startedAt
}

/** When a process started, as the kernel counts it; empty where that cannot be asked. */
async function startTimeOf(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}
