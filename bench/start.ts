import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServerProcess } from '../test/server-process.ts'
import { createDatabase } from './database-server.ts'
import { median, timed } from './samples.ts'
import type { Figure } from './table.ts'

const NPM_START = ['npm', 'start', '--silent']

/** From `npm start` until the server answers: with nothing there, and with the data of a server that was stopped. */
export async function measureStart(adminUrl: string | null, times: number): Promise<Figure[]> {
  const fresh: number[] = []
  const existing: number[] = []
  for (let time = 0; time < times; time++) {
    const folder = mkdtempSync(join(tmpdir(), 'perdure-bench-'))
    const database = adminUrl === null ? null : await createDatabase(adminUrl)
    const settings = { PERDURE_DATA_DIR: folder, ...(database && { DATABASE_URL: database.url }) }
    fresh.push(await startOnce(settings))
    existing.push(await startOnce(settings))
    await database?.drop()
    rmSync(folder, { recursive: true, force: true })
  }
  return [
    { what: '`npm start` to ready, nothing there, p50', value: median(fresh), unit: 'ms', aim: 3_000 },
    { what: '`npm start` to ready, existing data, p50', value: median(existing), unit: 'ms', aim: 1_000 },
  ]
}

async function startOnce(settings: Record<string, string>): Promise<number> {
  let stop: () => Promise<unknown> = async () => undefined
  const ms = await timed(async () => {
    const server = await startServerProcess(settings, NPM_START)
    stop = server.stop
    await fetch(`${server.url}/v1/health/`)
  })
  await stop()
  return ms
}
