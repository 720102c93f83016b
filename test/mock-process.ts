import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { LogEntry } from './mock-llm/server.mjs'

export type MockProcess = {
  url: string
  /** The requests that hold a text, oldest first. */
  log(contains: string): Promise<LogEntry[]>
  stop(): Promise<void>
}

/** The mock providers as a process of their own: what a request costs there cannot disturb the test's own clock. */
export async function startMockProcess(): Promise<MockProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'mock-llm/server.mjs'), '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer | number]
  const url = /http:\/\/\S+/.exec(String(line))?.[0]
  if (!url) throw new Error(`the mock did not start: ${line}`)
  return {
    url,
    async log(contains) {
      const response = await fetch(`${url}/__log?contains=${encodeURIComponent(contains)}`)
      return ((await response.json()) as { requests: LogEntry[] }).requests
    },
    async stop() {
      child.kill()
      await ended
    },
  }
}
