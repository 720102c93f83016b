import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { type MockLlm, startMockLlm } from '../mock-llm/server.mjs'
import { until } from '../replicas.ts'
import { endsOf, followFrom, numbersOf, rising, streamUntilCut } from './cut-streams.ts'
import { KilledServer } from './killed-server.ts'

/**
 * Goal: wherever the process dies, the run ends, the history is valid, and nothing is lost or there twice.
 * Method: one turn that acts outside, edits memory and speaks, in a server that kills itself at the named point; its
 * client reads the stream, then asks the next server for the rest, and repeats its request as clients do.
 */
vi.setConfig({ maxConcurrency: 2, testTimeout: 60_000 })

let mock: MockLlm
beforeAll(async () => {
  mock = await startMockLlm()
})
afterAll(() => mock.close())

const TURN = `[[script ${JSON.stringify([
  { say: 'One moment.', call: ['note_outside', { note: 'acted' }] },
  { call: ['core_memory_append', { label: 'human', content: 'likes tea' }] },
  { say: 'I have done all of it, and this is what I say of it.', drip: [12, 25] },
])}]]`

const SENT = { messages: [{ role: 'user', content: TURN, otid: 'otid-1' }] }

/**
 * Before and after each commit, and between them. `acted`: how often the tool has acted, in the end; `told`: what the
 * agent reads of it.
 */
const POINTS = [
  { point: 'before_admission:1', acted: 1, told: 'noted' },
  { point: 'after_admission:1', acted: 1, told: 'noted' },
  { point: 'mid_stream:1', acted: 1, told: 'noted' },
  { point: 'before_journal:1', acted: 1, told: 'noted' },
  { point: 'after_journal:1', acted: 0, told: 'unknown' },
  { point: 'after_tool:1', acted: 1, told: 'unknown' },
  { point: 'before_checkpoint:1', acted: 1, told: 'unknown' },
  { point: 'after_checkpoint:1', acted: 1, told: 'noted' },
  { point: 'before_checkpoint:2', acted: 1, told: 'noted' },
  { point: 'after_checkpoint:2', acted: 1, told: 'noted' },
  { point: 'mid_stream:20', acted: 1, told: 'noted' },
  { point: 'mid_flush:2', acted: 1, told: 'noted' },
  { point: 'before_checkpoint:3', acted: 1, told: 'noted' },
  { point: 'before_settlement:1', acted: 1, told: 'noted' },
  { point: 'after_settlement:1', acted: 1, told: 'noted' },
] as const

describe.concurrent('a server that is killed', () => {
  it.each(POINTS)(
    '29: at $point: the run ends, the history is valid, nothing is there twice',
    async ({ point, acted, told }) => {
      const killed = await KilledServer.start(mock, point)
      try {
        const agentId = await killed.createAgent()
        const seen = await streamUntilCut(killed.victim.url, agentId, SENT)
        const next = await killed.restart()
        const rest = await followFrom(next.url, seen)
        const again = await streamUntilCut(next.url, agentId, SENT)
        const [run, ...others] = await killed.endedRuns(agentId)
        expect(others).toEqual([])
        expect(run).toMatchObject({ status: 'completed', stop_reason: 'end_turn' })

        const numbers = numbersOf([...seen, ...rest])
        expect(numbers).toEqual(rising(numbers))
        expect(endsOf(again)).toEqual(['stop_reason', '[DONE]'])
        if (seen.length > 0) expect(endsOf([...seen, ...rest])).toEqual(['stop_reason', '[DONE]'])

        const { body: block } = await next.ask('GET', `/v1/agents/${agentId}/core-memory/blocks/human`)
        expect(block.value.match(/likes tea/g)).toHaveLength(1)
        expect(killed.outside.counts.get('acted') ?? 0).toBe(acted)
        const messages = (await next.messages(agentId)).slice(1)
        expect(messages.map(({ message_type: type }) => type)).toEqual(WHOLE)
        expect(messages[3].tool_return).toContain(told)
        expect(await killed.wrongIn(agentId)).toEqual([])
        expect((await next.send(agentId, 'And now?')).body.stop_reason.stop_reason).toBe('end_turn')
      } finally {
        await killed.close()
      }
    },
  )

  it('in the middle of the cancel of a batch leaves the rest of it to the next one', async () => {
    const killed = await KilledServer.start(mock, 'before_cancel:3')
    try {
      const agentId = await killed.createAgent()
      const content = '[[sleep 20000]]'
      const requests = Array.from({ length: 8 }, () => ({
        agent_id: agentId,
        messages: [{ role: 'user', content }],
      }))
      const { id } = (await killed.victim.ask('POST', '/v1/messages/batches', { requests })).body
      const runs = async () => (await killed.victim.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
      await until(async () => (await runs()).length === requests.length)
      await killed.victim.ask('PATCH', `/v1/messages/batches/${id}/cancel`).catch(() => undefined)
      await killed.restart()
      const ended = await killed.endedRuns(agentId)
      expect(ended.map(({ status }) => status)).toEqual(requests.map(() => 'cancelled'))
      expect(await killed.wrongIn(agentId)).toEqual([])
    } finally {
      await killed.close()
    }
  })
})

const WHOLE = [
  'user_message',
  'assistant_message',
  'tool_call_message',
  'tool_return_message',
  'tool_call_message',
  'tool_return_message',
  'assistant_message',
]
