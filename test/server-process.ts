import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** From the start of the process to its first line, in milliseconds; the database may be made in it. */
const START_MS_MAX = 60_000

/** How a checkout starts the server. */
const FROM_SOURCE = [process.execPath, join(import.meta.dirname, '../src/cli/main.ts'), 'serve']

/** Where `npm start` keeps its compiled code: a start from there takes half the time. */
const COMPILED = join(import.meta.dirname, '../node_modules/.cache/compile')

export type ServerProcess = {
  url: string
  pid: number
  /** Settles when the process is gone, however. */
  ended: Promise<unknown>
  /** As `kill -9` does: nothing is finished first. */
  kill(): Promise<void>
  /** Lets the server finish; the code that it exits with, null when a signal ended it. */
  stop(): Promise<number | null>
}

/** A server of its own process, on a free port, started as a user would. Settings come on top of a clean environment. */
export async function startServerProcess(
  settings: Record<string, string>,
  [command = '', ...args]: string[] = FROM_SOURCE,
  cwd = process.cwd(),
): Promise<ServerProcess> {
  const child = spawn(command, args, {
    cwd,
    env: {
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      PERDURE_PORT: '0',
      NODE_COMPILE_CACHE: COMPILED,
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'exit')
  return {
    url: await urlOf(child),
    pid: child.pid ?? 0,
    ended,
    async kill() {
      child.kill('SIGKILL')
      await ended
    },
    async stop() {
      child.kill('SIGTERM')
      await ended
      return child.exitCode
    },
  }
}

/** The address that the server says it listens on. */
function urlOf(child: ChildProcess): Promise<string> {
  let said = ''
  return new Promise((done, fail) => {
    const giveUp = () => {
      child.kill('SIGKILL')
      fail(new Error(`the server ended, or did not say where it listens:\n${said}`))
    }
    const late = setTimeout(giveUp, START_MS_MAX)
    child.once('exit', giveUp)
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(said) ?? []
      if (!url) return
      clearTimeout(late)
      done(url)
    })
  })
}
