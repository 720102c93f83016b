/**
 * Makes `dist/` from `src/`: what the published package runs, and `npm start` as long as `src/` is as it was. A thousand
 * small modules take half a second to find and load, so they become few (`bundle.ts`).
 *
 * `--if-possible`: an install without the tools for it is told so, and works without `dist/`.
 */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundle, TAKEN_IN } from './bundle.ts'
import { BUILT_FROM, digestOfSources } from './sources.ts'

const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')

try {
  await build()
} catch (error) {
  if (!process.argv.includes('--if-possible')) throw error
  const reason = error instanceof Error ? error.message : String(error)
  console.warn(`dist/ was not made, so that the server starts a little more slowly: ${reason}`)
}

async function build(): Promise<void> {
  rmSync(dist, { recursive: true, force: true })
  await bundle({ 'cli/main': join(root, 'src/cli/main.ts') }, dist)
  chmodSync(join(dist, 'cli/main.js'), 0o755)
  writeFileSync(join(dist, 'third-party-licenses.txt'), TAKEN_IN.map(licenceOf).join('\n\n'))
  writeFileSync(BUILT_FROM, digestOfSources())
  compileAhead()
}

/** Fills the cache that `npm start` names, under its flags: the first start finds everything compiled. */
function compileAhead(): void {
  const chunks = readdirSync(dist).filter((name) => name.endsWith('.js'))
  const load = `import { flushCompileCache } from 'node:module'
    for (const chunk of ${JSON.stringify(chunks)}) await import('./dist/' + chunk)
    flushCompileCache()
    process.exit()`
  execFileSync(process.execPath, ['--max-semi-space-size=8', '--input-type=module', '--eval', load], {
    cwd: root,
    env: { ...process.env, NODE_COMPILE_CACHE: 'node_modules/.cache/compile' },
  })
}

function licenceOf(name: string): string {
  const folder = join(root, 'node_modules', name)
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    version: string
    license: string
  }
  const file = existsSync(folder)
    ? readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
    : undefined
  const text = file ? `\n\n${readFileSync(join(folder, file), 'utf8').trim()}` : ''
  return `## ${name} ${version} (${license})${text}`
}
