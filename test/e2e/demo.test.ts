import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startMockLlm } from '../mock-llm/server.mjs'
import { startServerProcess } from '../server-process.ts'

/** The story of `npm run demo`: what it says, and whether it notices when something of it is not true. */
const DEMO = join(import.meta.dirname, '../../demo/demo.ts')
const STORY_MS_MAX = 180_000

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure demo '))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('npm run demo', { timeout: STORY_MS_MAX }, () => {
  it('starts a server, kills it in mid-sentence, and finds everything again', async () => {
    const { output, status } = await runDemo([], { TMPDIR: folder })
    expect(output).not.toContain('NOT TRUE')
    expect(claimsOf(output)).toEqual(
      expect.arrayContaining([
        'The history holds the same text.',
        'The run stopped before the tool ran.',
        'Only now it is in the memory.',
        'The memory was edited, and the answer had just begun.',
        'The run went on by itself, to its end.',
        'The tool ran once, not twice.',
      ]),
    )
    expect(output).toContain('npm start')
    expect(status).toBe(0)
  })

  it('tells the same of a server that runs, but does not kill it', async () => {
    const password = 'open sesame'
    const server = await startServerProcess({
      PERDURE_DATA_DIR: join(folder, 'running'),
      PERDURE_PASSWORD: password,
    })
    try {
      const { output, status } = await runDemo(['--url', server.url], { PERDURE_PASSWORD: password })
      expect(output).toContain('I kill only servers that I have started myself')
      expect(claimsOf(output)).toContain('Only now it is in the memory.')
      expect(output).toMatch(/curl http:\/\/127\.0\.0\.1:\d+\/v1\/agents\/agent-/)
      expect(status).toBe(0)
    } finally {
      await server.stop()
    }
  })

  it('says what was not true, and fails', async () => {
    // A model that never calls a tool.
    const mock = await startMockLlm({ port: 0 })
    const server = await startServerProcess({
      PERDURE_DATA_DIR: join(folder, 'forgetful'),
      OPENAI_BASE_URL: `${mock.url}/v1`,
      OPENAI_API_KEY: 'key',
    })
    try {
      const { output, status } = await runDemo(['--url', server.url, '--model', 'openai-proxy/gpt-4o-mini'])
      expect(output).toMatch(/NOT TRUE: The agent has edited its own memory/)
      expect(status).toBe(1)
    } finally {
      await server.stop()
      await mock.close()
    }
  })

  it('says that there is no server', async () => {
    const { output, status } = await runDemo(['--url', 'http://127.0.0.1:9'])
    expect(output).toContain('The story ends here: Connection error.')
    expect(status).toBe(1)
  })
})

function claimsOf(output: string): string[] {
  return [...output.matchAll(/✓ (.*)/g)].map(([, claim = '']) => claim)
}

function runDemo(args: string[], settings: Record<string, string> = {}) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, NO_COLOR: '1', ...settings }
  return new Promise<{ output: string; status: number }>((done) => {
    execFile(process.execPath, [DEMO, ...args], { env }, (error, stdout, stderr) => {
      done({ output: stdout + stderr, status: error ? Number(error.code) : 0 })
    })
  })
}
