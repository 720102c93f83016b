import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Letta from '@letta-ai/letta-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { databaseSettings } from '../databases.ts'
import { type ServerProcess, startServerProcess } from '../server-process.ts'

/** The server as a user starts it, driven by nothing but the official client. */
let folder: string
let server: ServerProcess
let client: Letta

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'perdure e2e '))
  server = await startServerProcess({ PERDURE_DATA_DIR: join(folder, 'data'), ...(await databaseSettings()) })
  client = new Letta({ baseURL: server.url, apiKey: 'none', maxRetries: 0 })
})
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function createAgent(): Promise<string> {
  const agent = await client.agents.create({
    model: 'perdure/offline',
    memory_blocks: [
      { label: 'human', value: 'A new user.' },
      { label: 'persona', value: 'I keep notes.' },
    ],
  })
  return agent.id
}

describe('the official client', () => {
  it('gets a whole answer', async () => {
    const id = await createAgent()
    const answer = await client.agents.messages.create(id, { input: 'Hello there' })
    expect(answer.messages.map((message) => message.message_type)).toEqual(['assistant_message'])
    expect(answer.stop_reason.stop_reason).toBe('end_turn')
    expect(answer.usage.step_count).toBe(1)
  })

  it('streams tokens, a memory edit and its return, and finds them in the history', async () => {
    const id = await createAgent()
    const stream = await client.agents.messages.create(id, {
      input: 'Please remember that I like tea',
      streaming: true,
      stream_tokens: true,
    })
    const types: string[] = []
    for await (const chunk of stream) types.push(String(chunk.message_type))
    expect(types.filter((type) => type === 'assistant_message').length).toBeGreaterThan(3)
    expect(types).toContain('tool_call_message')
    expect(types).toContain('tool_return_message')
    expect(types.slice(-2)).toEqual(['stop_reason', 'usage_statistics'])
    const block = await client.agents.blocks.retrieve('human', { agent_id: id })
    expect(block.value).toContain('I like tea')
    const listed = await client.agents.messages.list(id)
    expect(listed.items.map((message) => message.message_type)).toContain('tool_return_message')
  })

  it('reads a background stream again from any event', async () => {
    const id = await createAgent()
    const run = await client.agents.messages.createAsync(id, { input: 'Hello' })
    const all = await eventsOf(run.id, 0)
    const later = await eventsOf(run.id, all[0] ?? 0)
    expect(all.length).toBeGreaterThan(1)
    expect(later).toEqual(all.slice(1))
    expect((await client.runs.retrieve(run.id)).status).toBe('completed')
  })

  it('asks before a tool runs, and does what the answer says', async () => {
    for (const approve of [true, false]) {
      const id = await createAgent()
      await client.agents.tools.updateApproval('memory_insert', {
        agent_id: id,
        body_requires_approval: true,
      })
      const asked = await client.agents.messages.create(id, { input: 'Please remember that I like tea' })
      expect(asked.stop_reason.stop_reason).toBe('requires_approval')
      const request = asked.messages.find((message) => message.message_type === 'approval_request_message')
      if (request?.message_type !== 'approval_request_message') throw new Error('no approval was asked for')
      const answer = await client.agents.messages.create(id, {
        messages: [{ type: 'approval', approval_request_id: request.id, approve }],
      })
      expect(answer.stop_reason.stop_reason).toBe('end_turn')
      const { value } = await client.agents.blocks.retrieve('human', { agent_id: id })
      expect(value.includes('I like tea')).toBe(approve)
    }
  })
})

/** Sequence numbers of a run's events after one of them. */
async function eventsOf(runId: string, startingAfter: number): Promise<number[]> {
  const response = await fetch(`${server.url}/v1/runs/${runId}/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ starting_after: startingAfter, include_pings: false }),
  })
  return [...(await response.text()).matchAll(/"seq_id":(\d+)/g)].map(([, seq]) => Number(seq))
}
