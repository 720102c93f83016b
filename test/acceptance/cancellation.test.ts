import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import {
  actingTool,
  openReplicas,
  type Replica,
  type Replicas,
  type StreamEvent,
  until,
} from '../replicas.ts'
import { call, note, script } from './talk.ts'

/** What is left of a turn that was stopped, wherever it was. */
let world: Replicas
let server: Replica
let isActing = false
beforeAll(async () => {
  world = await openReplicas()
  const slow = actingTool('act_slowly', async ({ signal }) => {
    isActing = true
    await new Promise((done) => signal.addEventListener('abort', done, { once: true }))
    return 'done'
  })
  server = await world.start({}, [slow])
})
afterAll(() => world.close())

/** A second, on a machine that has nothing else to do; what is not heard goes on for twenty, or for ever. */
const SOON_MS = 5_000
const TOKENS = { stream_tokens: true, include_pings: false }
const SLOW: JsonObject = { say: 'One two three four five six seven eight.', drip: [8, 500] }
const memoryAsks = { tool_rules: [{ type: 'requires_approval', tool_name: 'memory_insert' }] }

const stop = (agent: string, body: JsonObject = {}) =>
  server.ask('POST', `/v1/agents/${agent}/messages/cancel`, body)
const typesOf = (events: StreamEvent[]) => events.map(({ data }) => data.message_type ?? data)
const listed = async (agent: string) =>
  (await server.messages(agent)).map(({ message_type: type, content }) => content ?? type)
const contextOf = async (agent: string): Promise<string[]> =>
  (await server.ask('GET', `/v1/agents/${agent}`)).body.message_ids
const running = (agent: string) =>
  until(async () => {
    const { body } = await server.ask('GET', `/v1/runs/?agent_id=${agent}`)
    return body.find(({ status }: { status: string }) => status === 'running')?.id as string | undefined
  })
/** How often the model was asked with these words. */
const asked = (words: string) => world.mock.log({ contains: words }).length

describe('acceptance: cancellation', () => {
  it('21: a cancel in mid-stream: one stop reason, usage, [DONE]; the run stays cancelled, its rows are the context', async () => {
    const agent = await server.createAgent()
    await server.send(agent, 'before')
    const before = await contextOf(agent)
    const turns = script({ calls: [note('kept')] }, SLOW)
    const stream = server.stream(agent, turns, TOKENS)
    await until(() => asked('"kept') >= 2)
    const run = await running(agent)
    await stop(agent, { run_ids: [run] })

    const events = await stream
    expect(typesOf(events).slice(-3)).toEqual(['stop_reason', 'usage_statistics', '[DONE]'])
    expect(events.filter(({ data }) => data.message_type === 'stop_reason')).toMatchObject([
      { data: { stop_reason: 'cancelled' } },
    ])
    expect(events.at(-2)?.data).toMatchObject({ step_count: 1, total_tokens: expect.any(Number) })
    expect(events.at(-2)?.data.total_tokens).toBeGreaterThan(0)
    expect(await server.ended(run)).toMatchObject({ status: 'cancelled', stop_reason: 'cancelled' })

    const rows = (await server.ask('GET', `/v1/runs/${run}/messages?order=asc`)).body
    expect(typesOf(rows.map((data: JsonObject) => ({ data })))).toEqual([
      'user_message',
      'tool_call_message',
      'tool_return_message',
    ])
    const after = await contextOf(agent)
    expect(after.slice(before.length)).toEqual([...new Set(rows.map(({ id }: { id: string }) => id))])
    expect((await server.send(agent, 'and now?')).body.stop_reason.stop_reason).toBe('end_turn')
    expect(await server.status(run)).toBe('cancelled')
  })

  it('21: … in the first step the message of the user is kept, and no half of an answer', async () => {
    const agent = await server.createAgent()
    const stream = server.stream(agent, script({ ...SLOW, say: 'Never said to the end.' }), TOKENS)
    await running(agent)
    await stop(agent)
    await stream
    const [, user, ...rest] = await listed(agent)
    expect(user).toContain('Never said to the end.')
    expect(rest).toEqual([])
  })

  it('21: … after an approval the last stored message is the tool return', async () => {
    const agent = await server.createAgent(memoryAsks)
    const { body } = await server.send(agent, script({ calls: [note('approved')] }, SLOW))
    const [{ tool_call_id }] = body.messages[0].tool_calls
    const answer = server.ask('POST', `/v1/agents/${agent}/messages/stream`, {
      messages: [{ type: 'approval', approvals: [{ type: 'approval', tool_call_id, approve: true }] }],
      ...TOKENS,
    })
    await until(() => asked('"approved') >= 2)
    await stop(agent)
    await answer
    const messages = await server.messages(agent)
    expect(messages.at(-1)).toMatchObject({ message_type: 'tool_return_message', status: 'success' })
  })

  it('22: a cancel while an approval is pending stores denials, and the next message is answered', async () => {
    const agent = await server.createAgent({
      ...memoryAsks,
      parallel_tool_calls: true,
      include_base_tool_rules: false,
    })
    const search = call('conversation_search', { query: 'x' })
    await server.send(agent, script({ calls: [search, note('never')] }))
    await stop(agent)
    const last = (await server.messages(agent)).at(-1)
    expect(last.message_type).toBe('tool_return_message')
    expect(last.tool_returns.map(({ status }: { status: string }) => status)).toEqual(['error', 'error'])
    expect((await server.send(agent, 'and now?')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('22: … one that another run waits for is left alone', async () => {
    const agent = await server.createAgent(memoryAsks)
    const conversation = (await server.ask('POST', `/v1/conversations/?agent_id=${agent}`, {})).body.id
    const path = `/v1/conversations/${conversation}/messages`
    const content = script({ calls: [note('foreign')] }, { say: 'Noted.' })
    const pending = await server.ask('POST', path, { input: content, streaming: false })
    const sending = server.send(agent, script(SLOW))
    await stop(agent, { run_ids: [await running(agent)] })
    await sending
    const [{ tool_call_id }] = pending.body.messages[0].tool_calls
    const approvals = [{ type: 'approval', tool_call_id, approve: true }]
    const answered = await server.ask('POST', path, {
      messages: [{ type: 'approval', approvals }],
      streaming: false,
    })
    expect(answered.body.messages.map(({ status, content }: JsonObject) => status ?? content)).toEqual([
      'success',
      'Noted.',
    ])
  })

  it('23: a cancel during a tool takes effect within a second, and the call does not stay open', async () => {
    const agent = await server.createAgent({ tools: ['act_slowly'] })
    const sending = server.send(agent, script({ calls: [call('act_slowly', {})] }, { say: 'Done.' }))
    await until(() => isActing)
    const start = performance.now()
    await stop(agent)
    const { body } = await sending
    expect(performance.now() - start).toBeLessThan(SOON_MS)
    expect(body.stop_reason.stop_reason).toBe('cancelled')
    expect((await server.messages(agent)).at(-1)).toMatchObject({
      message_type: 'tool_return_message',
      status: 'error',
    })
    expect((await server.send(agent, 'and now?')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('D-10: a cancel is heard while an approved call runs', async () => {
    isActing = false
    const agent = await server.createAgent({
      tools: ['act_slowly'],
      tool_rules: [{ type: 'requires_approval', tool_name: 'act_slowly' }],
    })
    const { body } = await server.send(agent, script({ calls: [call('act_slowly', {})] }, { say: 'Done.' }))
    const [{ tool_call_id }] = body.messages[0].tool_calls
    const approvals = [{ type: 'approval', tool_call_id, approve: true }]
    const messages = [{ type: 'approval', approvals }]
    const answering = server.ask('POST', `/v1/agents/${agent}/messages`, { messages })
    await until(() => isActing)
    const start = performance.now()
    await stop(agent)
    expect((await answering).body.stop_reason.stop_reason).toBe('cancelled')
    expect(performance.now() - start).toBeLessThan(SOON_MS)
    expect((await server.messages(agent)).at(-1)).toMatchObject({
      message_type: 'tool_return_message',
      status: 'error',
    })
  })

  it('23, D-11: a cancel during a call of the model takes effect within a second', async () => {
    const agent = await server.createAgent()
    const sending = server.send(agent, '[[sleep 20000]] for long')
    await until(() => asked('for long') > 0)
    const start = performance.now()
    await stop(agent)
    expect((await sending).body.stop_reason.stop_reason).toBe('cancelled')
    expect(performance.now() - start).toBeLessThan(SOON_MS)
    await until(() => world.mock.log({ contains: 'for long' }).every(({ outcome }) => outcome === 'aborted'))
  })
})
