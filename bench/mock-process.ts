import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const MOCK = join(import.meta.dirname, '../test/mock-llm/server.mjs')

export type MockProcess = { url: string; stop(): Promise<void> }

/** The mock of the model providers, as a process of its own: its work is not ours. */
export async function startMockProcess(): Promise<MockProcess> {
  const child = spawn(process.execPath, [MOCK, '--port', '0'], {
    env: { ...process.env, MOCK_LLM_LOG: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let said = ''
  for await (const text of child.stdout.setEncoding('utf8')) {
    said += text
    const [url] = /http:\/\/\S+/.exec(said) ?? []
    if (!url) continue
    child.stdout.resume()
    return {
      url,
      async stop() {
        child.kill('SIGTERM')
        await once(child, 'exit')
      },
    }
  }
  throw new Error(`the mock did not start: ${said}`)
}
