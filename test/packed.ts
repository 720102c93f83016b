/**
 * The package as its users get it: packed, installed in an empty folder without install scripts, started with the
 * embedded database, asked for its health, stopped. Run by `npm run test:packed`; it needs the network for npm.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { startServerProcess } from './server-process.ts'

const ROOT = join(import.meta.dirname, '..')
// The Node that runs this is also the one that runs the package, whatever the machine's own is.
const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }

const folder = mkdtempSync(join(tmpdir(), 'perdure packed '))
try {
  const home = install(pack(folder), join(folder, 'home'))
  expect('npx perdure --version', npm(home, 'exec', '--', 'perdure', '--version'), /^\d+\.\d+\.\d+/)
  await startAndStop(home)
  await dieAtFault(home)
  console.log('packed: the installed package starts, answers and stops')
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function npm(cwd: string, ...args: string[]): string {
  return execFileSync('npm', args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim()
}

/** Returns the path of the archive. */
function pack(destination: string): string {
  const list = npm(ROOT, 'pack', '--json', '--pack-destination', destination)
  const [, filename] = /"filename": "([^"]+)"/.exec(list) ?? []
  if (!filename) throw new Error(`npm pack does not say what it made: ${list}`)
  return join(destination, filename)
}

function install(archive: string, home: string): string {
  mkdirSync(home)
  writeFileSync(join(home, 'package.json'), '{ "private": true }')
  npm(home, 'install', '--ignore-scripts', archive)
  return home
}

async function startAndStop(home: string): Promise<void> {
  const server = await startServerProcess(
    { PATH: env.PATH },
    [join(home, 'node_modules/.bin/perdure'), 'serve'],
    home,
  )
  try {
    const health = await fetch(`${server.url}/v1/health/`)
    expect('GET /v1/health/', `${health.status} ${await health.text()}`, /^200 .*"status":\s*"ok"/)
    expect('the exit code after SIGTERM', String(await server.stop()), /^0$/)
  } finally {
    await server.kill()
  }
}

/** Crash tests are tests of what is shipped: the package has its fault points. */
async function dieAtFault(home: string): Promise<void> {
  const server = await startServerProcess(
    { PATH: env.PATH, PERDURE_FAULT: 'after_admission:1' },
    [join(home, 'node_modules/.bin/perdure'), 'serve'],
    home,
  )
  try {
    const post = (path: string, body: object) =>
      fetch(server.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const { id } = (await (await post('/v1/agents/', { model: 'perdure/offline' })).json()) as { id: string }
    await post(`/v1/agents/${id}/messages`, { input: 'Hello' }).catch(() => undefined)
    expect('the end at a fault point', String(await server.ended), /SIGKILL/)
  } finally {
    await server.kill()
  }
}

function expect(what: string, actual: string, wanted: RegExp): void {
  if (!wanted.test(actual)) throw new Error(`${what}: ${actual} is not ${wanted}`)
}
