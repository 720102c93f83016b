import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Letta from '@letta-ai/letta-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startServerProcess } from '../server-process.ts'

/** Ends of a run that no more changes. */
const ENDED = ['completed', 'failed', 'cancelled']

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'perdure killed '))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const clientOf = (baseURL: string) => new Letta({ baseURL, apiKey: 'none', maxRetries: 0 })

describe('a server that is killed while an agent edits its memory', () => {
  const points = [
    'after_admission:1',
    'mid_stream:1',
    'before_checkpoint:1',
    'after_checkpoint:1',
    'before_checkpoint:2',
    'after_checkpoint:2',
  ]
  it.each(points)('at %s: the run ends, the edit is there once, the agent answers again', async (point) => {
    const settings = { PERDURE_DATA_DIR: join(folder, point.replace(':', ' ')) }
    const first = await startServerProcess({ ...settings, PERDURE_FAULT: point })
    const { id } = await clientOf(first.url).agents.create({
      model: 'perdure/offline',
      memory_blocks: [{ label: 'human', value: '' }],
    })
    await streamUntilTheEnd(clientOf(first.url), id).catch(() => undefined)
    await first.ended

    const second = await startServerProcess(settings)
    try {
      const client = clientOf(second.url)
      await expect
        .poll(async () => (await runsOf(client, id)).every(({ status }) => ENDED.includes(status ?? '')), {
          timeout: 10_000,
          interval: 100,
        })
        .toBe(true)
      const [run, ...others] = await runsOf(client, id)
      expect(others).toEqual([])
      const { value } = await client.agents.blocks.retrieve('human', { agent_id: id })
      expect({ status: run?.status, edits: value.split('I like tea').length - 1 }).toEqual({
        status: 'completed',
        edits: 1,
      })
      const answer = await client.agents.messages.create(id, { input: 'Hello again' })
      expect(answer.stop_reason.stop_reason).toBe('end_turn')
    } finally {
      await second.stop()
    }
  })
})

async function runsOf(client: Letta, agentId: string) {
  return (await client.runs.list({ agent_id: agentId })).items
}

async function streamUntilTheEnd(client: Letta, agentId: string): Promise<void> {
  const stream = await client.agents.messages.create(agentId, {
    input: 'Please remember that I like tea',
    streaming: true,
    stream_tokens: true,
  })
  for await (const _ of stream);
}
