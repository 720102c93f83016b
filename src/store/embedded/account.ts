import { execFileSync } from 'node:child_process'
import { chownSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** How a program is started so that it does not run as root. PostgreSQL refuses to. */
export type Account = {
  /** Goes before the program and its arguments. */
  prefix: string[]
  uid?: number
  gid?: number
}

/** Exists on every Linux, owns nothing, and (unlike a bare number) has the name that initdb asks for. */
const NOBODY = 65_534

/**
 * Who runs the database. An ordinary user does so itself. Root lends it to `nobody`; below folders that only root may
 * enter, root is mapped to that account in a user namespace instead.
 */
export function chooseAccount(paths: string[]): Account {
  if (process.getuid?.() !== 0) return { prefix: [] }
  if (paths.every(isReachable)) return { prefix: [], uid: NOBODY, gid: NOBODY }
  const prefix = ['unshare', '--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`]
  try {
    execFileSync(prefix[0] ?? '', [...prefix.slice(1), 'true'], { stdio: 'ignore' })
    return { prefix }
  } catch {
    throw new Error(
      `The embedded PostgreSQL cannot run as root, and no other account can reach ${paths.join(' or ')}. Run the server as an ordinary user, set PERDURE_DATA_DIR to a folder that others can enter, or set DATABASE_URL.`,
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

/** Gives a folder and all in it to the account. */
export function giveTo(account: Account, path: string): void {
  const { uid, gid } = account
  if (uid === undefined || gid === undefined) return
  if (statSync(path).uid === uid) return
  chownSync(path, uid, gid)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name)
    if (entry.isDirectory()) giveTo(account, child)
    else if (!entry.isSymbolicLink()) chownSync(child, uid, gid)
  }
}
