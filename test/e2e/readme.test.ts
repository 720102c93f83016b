import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LATER } from '../../src/http/routes/later-table.ts'
import { settingsTable } from '../../tools/settings-table.ts'
import { type ServerProcess, startServerProcess } from '../server-process.ts'

/** What the README says is so. */
const ROOT = join(import.meta.dirname, '../..')
const README = readFileSync(join(ROOT, 'README.md'), 'utf8')

describe('the README', () => {
  it('has a line for every setting, with its default', () => {
    // `npm run readme` puts it there.
    expect(README).toContain(settingsTable())
  })

  it('names every variable of a provider', () => {
    const source = readFileSync(join(ROOT, 'src/providers/settings.ts'), 'utf8')
    const names = [...source.matchAll(/'([A-Z]+_[A-Z_]+)'/g)].map(([, name = '']) => name)
    expect(names.length).toBeGreaterThan(20)
    expect(names.filter((name) => !README.includes(`\`${name}\``))).toEqual([])
  })

  it('names the parts of the API that are not there yet, and no others', () => {
    const part = README.split('\n## What is not there yet\n')[1]?.split('\n## ')[0] ?? ''
    const listed = [...part.matchAll(/^- ([^:\n]+)/gm)].flatMap(([, names = '']) => names.split(', '))
    expect(listed.toSorted()).toEqual([...new Set(LATER.map(({ subject }) => subject))].toSorted())
  })
})

describe('the examples of the README', () => {
  let folder: string
  let server: ServerProcess

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'perdure readme '))
    server = await startServerProcess({ PERDURE_DATA_DIR: folder })
  })
  afterAll(async () => {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  it('run on the command line', async () => {
    const output = await run('bash', '-euc', example('sh', 'AGENT='))
    expect(output).toContain('"message_type":"tool_return_message"')
    expect(output).toMatch(/"value":"[^"]*I like tea/)
  })

  it('run as a program', async () => {
    const output = await run(
      process.execPath,
      '--input-type=module-typescript',
      '-e',
      example('ts', 'new Letta'),
    )
    expect(output).toContain('I will write that into my memory.')
    expect(output).toContain('In its memory: I like tea.')
  })

  async function run(command: string, ...args: string[]): Promise<string> {
    return (await promisify(execFile)(command, args, { cwd: ROOT })).stdout
  }

  /** The block of code that has a text in it, for the test's server. */
  function example(language: string, text: string): string {
    const blocks = [...README.matchAll(/```(\w+)\n(.*?)```/gs)]
    const [, , code] = blocks.find(([, name, body]) => name === language && body?.includes(text)) ?? []
    if (!code) throw new Error(`there is no example with ${text}`)
    return code.replaceAll('http://127.0.0.1:8283', server.url)
  }
})
