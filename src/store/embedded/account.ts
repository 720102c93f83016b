import { execFileSync } from 'node:child_process'
import { chownSync, lstatSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StartError } from '../../domain/start-error.ts'

/** How a program is started so that it does not run as root. PostgreSQL refuses to. */
export type Account = {
  /** Goes before the program and its arguments. */
  prefix: string[]
  /** For `spawn`: whom the program runs as, where that is somebody else. */
  ids: { uid?: number; gid?: number }
  /** Whose files the program can work with, seen from outside; null where that is this process's own account. */
  owner: number | null
}

/** Exists on every Linux, owns nothing, and (unlike a bare number) has the name that initdb asks for. */
const NOBODY = 65_534

/**
 * Who runs the database. An ordinary user does so itself. Root lends it to `nobody`; below folders that only root may
 * enter, root is mapped to that account in a user namespace instead. Throws where neither is possible.
 */
export function chooseAccount(paths: string[]): Account {
  if (process.getuid?.() !== 0) return { prefix: [], ids: {}, owner: null }
  if (paths.every(isReachable)) return { prefix: [], ids: { uid: NOBODY, gid: NOBODY }, owner: NOBODY }
  const prefix = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`]
  try {
    execFileSync('unshare', [...prefix.slice(1), 'true'], { stdio: 'ignore' })
    return { prefix, ids: {}, owner: 0 }
  } catch (error) {
    throw new StartError(
      `The embedded PostgreSQL cannot run as root, and no other account can reach ${paths.join(' and ')}. Run the server as an ordinary user, set PERDURE_DATA_DIR to a folder that others can enter, or set DATABASE_URL.`,
      { cause: error },
    )
  }
}

/** Whether others may pass all folders above a path. */
function isReachable(path: string): boolean {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false
    if (folder === dirname(folder)) return true
  }
}

/** Gives a folder and all in it to the account. The folder comes last: if it has the owner, all in it has. */
export function giveTo({ owner }: Account, path: string): void {
  if (owner === null || lstatSync(path).uid === owner) return
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) giveTo({ prefix: [], ids: {}, owner }, child)
    else if (!entry.isSymbolicLink()) chownSync(child, owner, owner)
  }
  chownSync(path, owner, owner)
}
