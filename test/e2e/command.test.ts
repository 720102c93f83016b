import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import packageJson from '../../package.json' with { type: 'json' }
import { withDatabase } from '../global-setup.ts'
import { startServerProcess } from '../server-process.ts'

/** What somebody at a terminal gets who makes a mistake: the sentence that helps, not a stack. */
const MAIN = join(import.meta.dirname, '../../src/cli/main.ts')
/** For two starts on a machine that does much else. */
const START_MS_MAX = 120_000

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure command '))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('perdure', () => {
  it('says its version and its commands', async () => {
    expect((await perdure(['--version'])).output).toBe(`${packageJson.version}\n`)
    expect(await perdure(['--help'])).toMatchObject({
      output: expect.stringContaining('perdure config'),
      status: 0,
    })
  })

  it('does not know other commands', async () => {
    expect(await perdure(['frobnicate'])).toMatchObject({
      output: expect.stringContaining('there is no command frobnicate'),
      status: 2,
    })
    expect(await perdure(['serve', '--port', '9000'])).toMatchObject({
      output: expect.stringContaining('serve takes no arguments'),
      status: 2,
    })
  })

  it('shows the configuration, and no secrets', async () => {
    const { output, status } = await perdure(['config'], {
      PORT: '9000',
      PERDURE_PASSWORD: 'open sesame',
      DATABASE_URL: 'postgres://ada:hidden@db/perdure',
      PERDURE_ENCRYPTION_KEY: 'sixteen characters',
      PERDURE_OUTBOUND_ALLOW: '10.0.0.0/8, localhost',
    })
    expect(status).toBe(0)
    expect(output).toMatch(/^PERDURE_PORT=9000 +# Port/m)
    expect(output).toMatch(/^PERDURE_PASSWORD=\*{8} /m)
    expect(output).toMatch(/^PERDURE_DATABASE_URL=postgres:\/\/ada:\*{4}@db\/perdure /m)
    expect(output).toMatch(/^PERDURE_OUTBOUND_ALLOW=10\.0\.0\.0\/8,localhost /m)
    expect(output).not.toMatch(/sesame|hidden|sixteen/)
  })

  it('shows what is set of providers, and no keys', async () => {
    const { output, status } = await perdure(['config'], {
      OPENAI_API_KEY: 'sk-hidden',
      PERDURE_OPENAI_BASE_URL: 'http://ada:hidden@127.0.0.1:9/v1',
      AWS_SECRET_ACCESS_KEY: 'hidden',
    })
    expect(status).toBe(0)
    expect(output).toMatch(/^OPENAI_API_KEY=\*{8} +# openai: key$/m)
    expect(output).toMatch(/^OPENAI_BASE_URL=http:\/\/ada:\*{4}@127\.0\.0\.1:9\/v1 +# openai: base URL$/m)
    expect(output).toMatch(/^AWS_SECRET_ACCESS_KEY=\*{8} /m)
    expect(output).toMatch(/^ANTHROPIC_API_KEY= /m)
    expect(output).not.toContain('hidden')
  })
})

describe('perdure serve, refusing to start', { timeout: START_MS_MAX }, () => {
  it('names every variable that is wrong, as it was written, and what would be right', async () => {
    const { output } = await refused({ PORT: 'http', PERDURE_LOG_LEVEL: 'loud', LETTA_PG_URI: 'sqlite://x' })
    expect(output).toContain('PORT must be a whole number from 0 to 65535')
    expect(output).toContain('PERDURE_LOG_LEVEL must be one of debug, info, warn, error, silent')
    expect(output).toContain('LETTA_PG_URI must start with postgres://')
  })

  it.each([
    { OPENAI_BASE_URL: 'notaurl' },
    { PERDURE_OPENAI_BASE_URL: 'http://', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1' },
    { ANTHROPIC_BASE_URL: 'ftp://x/v1' },
    { OLLAMA_BASE_URL: 'localhost:11434' },
    { PERDURE_STEP_WEBHOOK: 'ftp://x' },
  ])('names an address that is none: %j', async (settings) => {
    const [variable] = Object.keys(settings)
    expect((await refused(settings)).output).toContain(
      `  ${variable} must be an address that begins with http:// or https://`,
    )
  })

  it('names what may be reached inside where it is no host, address or network', async () => {
    const { output } = await refused({ PERDURE_OUTBOUND_ALLOW: 'localhost, 10.0.0.0/99' })
    expect(output).toContain('PERDURE_OUTBOUND_ALLOW must be hosts, addresses or networks')
    expect(output).toContain('10.0.0.0/99 is none of them')
  })

  it('says who has the data folder, and who has the port', async () => {
    const data = { PERDURE_DATA_DIR: join(folder, 'one') }
    const server = await startServerProcess(data)
    try {
      expect((await refused(data)).output).toContain(`is in use by process ${server.pid}`)
      const samePort = { PERDURE_DATA_DIR: join(folder, 'two'), PERDURE_PORT: new URL(server.url).port }
      expect((await refused(samePort)).output).toMatch(
        /address already in use.*\nPERDURE_HOST and PERDURE_PORT/,
      )
    } finally {
      await server.stop()
    }
  })

  it('says that the data folder cannot be one', async () => {
    const file = join(folder, 'a file')
    writeFileSync(file, '')
    expect((await refused({ PERDURE_DATA_DIR: file })).output).toMatch(
      /The data folder cannot be used: .*a file/,
    )
  })

  it('says that nobody answers where the database should be, without its password', async () => {
    const url = `postgres://ada:hidden@127.0.0.1:${await freePort()}/perdure`
    const { output } = await refused({ DATABASE_URL: url })
    expect(output).toMatch(/The database postgres:\/\/ada:\*{4}@.* cannot be used: .*ECONNREFUSED/)
    expect(output).not.toContain('hidden')
  })

  it("leaves another program's database as it is", async () => {
    const { adminUrl, template } = inject('database')
    const name = `${template}_foreign`
    await query(adminUrl, `create database ${name}`)
    const url = withDatabase(adminUrl, name)
    await query(url, 'create table agents (id text)')
    expect((await refused({ DATABASE_URL: url })).output).toContain('has tables of another program')
    const tables = await query(url, `select tablename from pg_tables where schemaname = 'public'`)
    expect(tables).toEqual([{ tablename: 'agents' }])
  })
})

/** Starts a server that must not start: one line or a few, no stack, status 1. */
async function refused(settings: Record<string, string>) {
  const result = await perdure(['serve'], settings)
  expect(result.status).toBe(1)
  expect(result.output).not.toMatch(/^ +at /m)
  return result
}

function perdure(args: string[], settings: Record<string, string> = {}) {
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    PERDURE_DATA_DIR: join(folder, 'data'),
    ...settings,
  }
  return new Promise<{ output: string; status: number }>((done) => {
    execFile(process.execPath, [MAIN, ...args], { env }, (error, stdout, stderr) => {
      done({ output: stdout + stderr, status: error ? Number(error.code) : 0 })
    })
  })
}

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}

/** A port where nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  if (typeof address !== 'object' || address === null) throw new Error('no port')
  return address.port
}
