import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MockLlm, startMockLlm } from '../mock-llm/server.mjs'
import { type ServerProcess, startServerProcess } from '../server-process.ts'

/**
 * Letta Code works with its own file tools as client-side tools. It is too big to be installed for every test run:
 * `LETTA_CODE` names the program, e.g. of `npm install --prefix /somewhere @letta-ai/letta-code@0.25.9`.
 */
const LETTA_CODE = process.env.LETTA_CODE ?? ''

describe.skipIf(LETTA_CODE === '')('Letta Code (set LETTA_CODE to its program to run this)', () => {
  let folder: string
  let mock: MockLlm
  let server: ServerProcess

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perdure-letta-code-'))
    mkdirSync(join(folder, 'home'))
    mkdirSync(join(folder, 'work'))
    mock = await startMockLlm()
    server = await startServerProcess({
      PERDURE_DATA_DIR: join(folder, 'data'),
      OPENAI_API_KEY: 'none',
      OPENAI_BASE_URL: `${mock.url}/v1`,
    })
  })
  afterAll(async () => {
    await server.stop()
    await mock.close()
    rmSync(folder, { recursive: true, force: true })
  })

  it('writes, reads and runs in one turn, and goes on in a second', async () => {
    const file = join(folder, 'work/note.txt')
    const turns = [
      {
        say: 'Writing.',
        calls: [
          { name: 'Write', args: { file_path: file, content: 'from the agent' } },
          { name: 'Bash', args: { command: 'echo side by side', description: 'Prints a line' } },
        ],
      },
      { calls: [{ name: 'Read', args: { file_path: file } }] },
      { say: 'All done.' },
    ]
    const first = await run(
      `[[script ${JSON.stringify(turns)}]]`,
      '--new-agent',
      '-m',
      'openai-proxy/gpt-4o-mini',
    )
    expect(first).toMatchObject({
      code: 0,
      result: { subtype: 'success', result: 'All done.', num_turns: 3 },
    })
    expect(readFileSync(file, 'utf8')).toBe('from the agent')

    const second = await run('[[say Still here.]]')
    expect(second).toMatchObject({
      code: 0,
      result: { result: 'Still here.', agent_id: first.result.agent_id },
    })
  })

  /** One headless turn, without questions; its result is the last line. */
  async function run(prompt: string, ...options: string[]) {
    const args = [LETTA_CODE, '-p', prompt, '--yolo', '--output-format', 'json', ...options]
    const child = spawn(process.execPath, args, {
      cwd: join(folder, 'work'),
      env: {
        PATH: process.env.PATH ?? '',
        HOME: join(folder, 'home'),
        LETTA_BASE_URL: server.url,
        DISABLE_AUTOUPDATER: '1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    const code = await new Promise((done) => child.once('close', done))
    return { code, result: JSON.parse(output) as Record<string, unknown> }
  }
})
