import { createHash } from 'node:crypto'
import { globSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Says what `dist/` was made from. */
export const BUILT_FROM = join(root, 'dist/built-from.txt')

/** Changes when a file of `src/` is changed, added or taken away, or another version of a library is installed. */
export function digestOfSources(): string {
  const files = globSync(['src/**/*.ts', 'package.json', 'package-lock.json', 'tools/build.ts'], {
    cwd: root,
  })
  const hash = createHash('sha256')
  for (const file of files.toSorted()) {
    const { mtimeMs, size } = statSync(join(root, file))
    hash.update(`${file} ${mtimeMs} ${size}\n`)
  }
  return hash.digest('hex')
}

export function isBuilt(): boolean {
  try {
    return readFileSync(BUILT_FROM, 'utf8') === digestOfSources()
  } catch {
    return false
  }
}
