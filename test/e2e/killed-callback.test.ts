import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Letta from '@letta-ai/letta-client'
import { expect, it } from 'vitest'
import { openHook } from '../hook.ts'
import { startServerProcess } from '../server-process.ts'

it('a server that is killed between the end of a run and its callback delivers it after the next start', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'perdure callback '))
  const hook = await openHook(() => 200)
  const settings = { PERDURE_DATA_DIR: folder, PERDURE_OUTBOUND_ALLOW: '127.0.0.1' }
  const first = await startServerProcess({ ...settings, PERDURE_FAULT: 'after_checkpoint:1' })
  const client = new Letta({ baseURL: first.url, apiKey: 'none', maxRetries: 0 })
  const { id } = await client.agents.create({ model: 'perdure/offline' })
  const messages = [{ role: 'user' as const, content: 'Hello' }]
  await client.agents.messages
    .createAsync(id, { messages, callback_url: `${hook.url}/ended` })
    .catch(() => undefined)
  await first.ended
  expect(hook.calls).toEqual([])

  const second = await startServerProcess(settings)
  try {
    await expect.poll(() => hook.calls.length, { timeout: 20_000 }).toBe(1)
    expect(JSON.parse(hook.calls[0]?.text ?? '')).toMatchObject({ status: 'completed' })
  } finally {
    await second.stop()
    await hook.close()
    rmSync(folder, { recursive: true, force: true })
  }
}, 90_000)
