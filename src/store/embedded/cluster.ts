import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StartError } from '../../domain/start-error.ts'
import { type Account, giveTo } from './account.ts'
import type { Binaries } from './binaries.ts'
import { serverEnv } from './server-env.ts'

/** The database user that everything belongs to. */
export const USER = 'perdure'

/**
 * Makes the folder of the database's files, unless it is there. It is made beside its place and moved there when it is
 * whole and on disk: a start that is killed half way leaves nothing to trip over.
 */
export async function createCluster(clusterDir: string, binaries: Binaries, account: Account): Promise<void> {
  if (existsSync(join(clusterDir, 'PG_VERSION'))) return giveTo(account, clusterDir)
  const draft = `${clusterDir}.new`
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { recursive: true, mode: 0o700 })
  giveTo(account, draft)
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  const args = [binaries.initdb, '-D', draft, '-U', USER, '--auth=trust', ...locale]
  const [command = '', ...rest] = [...account.prefix, ...args]
  try {
    await promisify(execFile)(command, rest, { ...account.ids, cwd: '/', env: serverEnv(binaries) })
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : ''
    throw new StartError(`The embedded PostgreSQL could not be set up in ${clusterDir}.\n${said}`, {
      cause: error,
    })
  }
  await rename(draft, clusterDir)
}
