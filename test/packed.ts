/**
 * The package as its users get it: packed, installed in an empty folder without install scripts, started with the
 * embedded database, asked for its health, stopped. Run by `npm run test:packed`; it needs the network for npm.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'

/** From the start of the process to its first line, in milliseconds; the database is made in it. */
const START_MS_MAX = 30_000

const ROOT = join(import.meta.dirname, '..')
// The Node that runs this is also the one that runs the package, whatever the machine's own is.
const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) }

const folder = mkdtempSync(join(tmpdir(), 'perdure packed '))
try {
  const home = install(pack(folder), join(folder, 'home'))
  expect('npx perdure --version', npm(home, 'exec', '--', 'perdure', '--version'), /^\d+\.\d+\.\d+/)
  await startAndStop(home)
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
  const server = spawn(join(home, 'node_modules/.bin/perdure'), ['serve'], {
    cwd: home,
    env: { ...withoutDatabase(env), PERDURE_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(server, 'exit')
  try {
    const url = await urlOf(server)
    const health = await fetch(`${url}/v1/health/`)
    expect('GET /v1/health/', `${health.status} ${await health.text()}`, /^200 .*"status":\s*"ok"/)
    server.kill('SIGTERM')
    const [code] = await ended
    expect('the exit code after SIGTERM', String(code), /^0$/)
  } finally {
    server.kill('SIGKILL')
  }
}

/** The address that the server says it listens on. */
async function urlOf(server: ChildProcess): Promise<string> {
  let said = ''
  return new Promise((done, fail) => {
    const giveUp = () => fail(new Error(`the server ended, or did not say where it listens:\n${said}`))
    const late = setTimeout(giveUp, START_MS_MAX)
    server.once('exit', giveUp)
    server.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? []
      if (!url) return
      clearTimeout(late)
      done(url)
    })
  })
}

function withoutDatabase(all: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(all).filter(([name]) => !/DATABASE_URL$|^PERDURE_|PG_URI$/.test(name)),
  )
}

function expect(what: string, actual: string, wanted: RegExp): void {
  if (!wanted.test(actual)) throw new Error(`${what}: ${actual} is not ${wanted}`)
}
