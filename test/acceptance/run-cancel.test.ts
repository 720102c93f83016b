import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { actingTool, openReplicas, type Replica, type Replicas, until } from '../replicas.ts'
import { call, note, script } from './talk.ts'

/** Goal: a cancel works at every instant, is answered well as often as it is sent, and leaves an agent that answers. */
let world: Replicas
let server: Replica
let isActing = false
beforeAll(async () => {
  world = await openReplicas()
  const endless = actingTool('act_endlessly', async ({ signal }) => {
    isActing = true
    await new Promise((done) => signal.addEventListener('abort', done, { once: true }))
    return 'never told'
  })
  server = await world.start({ PERDURE_RUNS_MAX: '2' }, [endless])
})
afterAll(() => world.close())

const HELD = {
  parallel_tool_calls: true,
  include_base_tool_rules: false,
  tool_rules: [{ type: 'requires_approval', tool_name: 'memory_insert' }],
}
const MIXED = script({ calls: [call('conversation_search', { query: 'x' }), note('never')] })
const UNKNOWN = 'run-00000000-0000-4000-8000-0000000000aa'

const cancel = (agentId: string, body: JsonObject = {}) =>
  server.ask('POST', `/v1/agents/${agentId}/messages/cancel`, body)
const runsOf = async (agentId: string): Promise<{ id: string; status: string; stop_reason: string }[]> =>
  (await server.ask('GET', `/v1/runs/?agent_id=${agentId}&order=asc`)).body
const running = (agentId: string) =>
  until(async () => (await runsOf(agentId)).find(({ status }) => status === 'running')?.id)
const typesOf = (messages: JsonObject[]) => messages.map(({ message_type: type }) => type)

/** How long the model thinks before it says anything, from now on. */
async function answerAfter(firstTokenMs: number): Promise<void> {
  await fetch(`${world.mock.url}/__profile`, { method: 'POST', body: JSON.stringify({ firstTokenMs }) })
}

async function expectAnswering(agentId: string, path = `/v1/agents/${agentId}/messages`): Promise<void> {
  const { status, body } = await server.ask('POST', path, { input: 'and now?', streaming: false })
  expect({ status, reason: body.stop_reason?.stop_reason }).toEqual({ status: 200, reason: 'end_turn' })
}

describe('11. cancel', () => {
  it('before a run is claimed: it is cancelled, its message is kept, no model is asked', async () => {
    const busy = await Promise.all([server.createAgent(), server.createAgent()])
    await Promise.all(busy.map((id) => server.sendAsync(id, '[[sleep 20000]]')))
    await Promise.all(busy.map(running))
    const agentId = await server.createAgent()
    const runId = await server.sendAsync(agentId, `unclaimed ${agentId}`)
    expect(await server.status(runId)).toBe('created')
    expect((await cancel(agentId)).body).toEqual({ [runId]: 'cancelled' })
    expect(await server.status(runId)).toBe('cancelled')
    await Promise.all(busy.map((id) => cancel(id)))
    expect(typesOf(await server.messages(agentId))).toEqual(['system_message', 'user_message'])
    expect(world.mock.log({ contains: `unclaimed ${agentId}` })).toEqual([])
    await expectAnswering(agentId)
  })

  it('of a run that waits for its turn leaves the one before it alone', async () => {
    const agentId = await server.createAgent()
    const first = await server.sendAsync(agentId, '[[sleep 500]] first')
    const second = await server.sendAsync(agentId, 'second')
    expect((await cancel(agentId, { run_ids: [second] })).body).toEqual({ [second]: 'cancelled' })
    expect((await server.ended(first)).status).toBe('completed')
    expect(await server.status(second)).toBe('cancelled')
    await expectAnswering(agentId)
  })

  it('while the model is asked: the request is aborted', async () => {
    const agentId = await server.createAgent()
    const sending = server.send(agentId, `[[sleep 20000]] ${agentId}`)
    await until(() => world.mock.log({ contains: agentId }).length > 0)
    await cancel(agentId)
    expect((await sending).body.stop_reason.stop_reason).toBe('cancelled')
    await until(() => world.mock.log({ contains: agentId })[0]?.outcome === 'aborted')
    await expectAnswering(agentId)
  })

  it('while a tool runs: it is aborted, and its call is answered', async () => {
    const agentId = await server.createAgent({ tools: ['act_endlessly'] })
    isActing = false
    const sending = server.send(agentId, script({ calls: [call('act_endlessly', {})] }))
    await until(() => isActing)
    await cancel(agentId)
    expect((await sending).body.stop_reason.stop_reason).toBe('cancelled')
    expect((await server.messages(agentId)).at(-1)).toMatchObject({
      message_type: 'tool_return_message',
      tool_return: expect.stringContaining('may have had its effect'),
    })
    await expectAnswering(agentId)
  })

  it('between two steps: what was saved stays, and there is no third', async () => {
    const agentId = await server.createAgent()
    const turns = script({ calls: [note('saved')] }, { say: 'Never said.', sleep: 20_000 })
    const sending = server.send(agentId, turns)
    await until(async () => (await server.messages(agentId)).length >= 4)
    await cancel(agentId)
    await sending
    expect(typesOf(await server.messages(agentId)).slice(1)).toEqual([
      'user_message',
      'tool_call_message',
      'tool_return_message',
    ])
    await expectAnswering(agentId)
  })

  it.each([
    { where: 'the default conversation', isNamed: false },
    { where: 'a named conversation', isNamed: true },
  ])(
    'while an approval is open in $where, by any of its routes: all calls are denied',
    async ({ isNamed }) => {
      for (const by of ['run', 'conversation', ...(isNamed ? [] : ['agent'])]) {
        const agentId = await server.createAgent(HELD)
        const named = (await server.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {})).body.id
        const path = isNamed ? `/v1/conversations/${named}/messages` : `/v1/agents/${agentId}/messages`
        await server.ask('POST', path, { input: MIXED, streaming: false })
        const [run] = await runsOf(agentId)
        const refused = await server.ask('POST', path, { input: 'hello', streaming: false })
        expect(refused.status).toBe(409)
        expect(JSON.stringify(refused.body)).toContain('waiting for approval')

        const conversation = isNamed ? named : `default/cancel?agent_id=${agentId}`
        const { body } = await {
          run: () => cancel(agentId, { run_ids: [run?.id ?? ''] }),
          agent: () => cancel(agentId),
          conversation: () =>
            server.ask('POST', `/v1/conversations/${isNamed ? `${conversation}/cancel` : conversation}`, {}),
        }[by as 'run' | 'agent' | 'conversation']()
        expect(body).toEqual({ [run?.id ?? '']: 'cancelled' })
        const listed: JsonObject[] = (
          await server.ask('GET', `/v1/conversations/${isNamed ? named : agentId}/messages?order=asc`)
        ).body
        const last = listed.at(-1) as { tool_returns: JsonObject[] }
        expect(last.tool_returns.map(({ status }) => status)).toEqual(['error', 'error'])
        expect(JSON.stringify(last.tool_returns)).toContain('request to call tool denied')
        await expectAnswering(agentId, path)
      }
    },
  )

  it('while the context is compacted behind an approval that has just opened: it is denied', async () => {
    const agentId = await server.createAgent({
      ...HELD,
      compaction_settings: { model: 'openai-proxy/gpt-4o-mini', mode: 'all' },
    })
    await server.send(agentId, 'something to sum up')
    await answerAfter(1_500)
    const sending = server.send(
      agentId,
      `[[usage 125000 50]] [[call memory_insert {"label":"human","new_string":"x"}]]`,
    )
    await until(async () => typesOf(await server.messages(agentId)).includes('approval_request_message'))
    expect((await runsOf(agentId)).at(-1)?.status).toBe('running')
    await cancel(agentId)
    await answerAfter(0)
    expect((await sending).body.stop_reason.stop_reason).toBe('cancelled')
    expect(typesOf(await server.messages(agentId)).slice(-2)).toEqual([
      'approval_response_message',
      'tool_return_message',
    ])
    await expectAnswering(agentId)
  })

  it('after the end changes nothing, and is no error', async () => {
    const agentId = await server.createAgent()
    await server.send(agentId, 'hello')
    const [run] = await runsOf(agentId)
    expect((await cancel(agentId, { run_ids: [run?.id ?? ''] })).body).toEqual({
      [run?.id ?? '']: 'cancelled',
    })
    expect(await runsOf(agentId)).toEqual([run])
    const none = await cancel(agentId)
    expect(none).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('No active runs to cancel') },
    })
    expect(none.headers.get('x-should-retry')).toBe('false')
  })

  it('of what is not there says so, and cancels the others', async () => {
    const agentId = await server.createAgent()
    const runId = await server.sendAsync(agentId, '[[sleep 20000]]')
    expect((await cancel(agentId, { run_ids: [UNKNOWN, runId] })).body).toEqual({
      [UNKNOWN]: 'failed',
      [runId]: 'cancelled',
    })
    expect(await server.status(runId)).toBe('cancelled')
  })

  it('twice at once: both are told that it is cancelled, and the stream ends once', async () => {
    const agentId = await server.createAgent()
    const reading = server.stream(agentId, '[[drip 100 50]]', { stream_tokens: true })
    const runId = await running(agentId)
    const both = await Promise.all([1, 2].map(() => cancel(agentId, { run_ids: [runId] })))
    expect(both.map(({ body }) => body)).toEqual([{ [runId]: 'cancelled' }, { [runId]: 'cancelled' }])
    const stops = (await reading).filter(({ data }) => data.message_type === 'stop_reason')
    expect(stops).toHaveLength(1)
    await expectAnswering(agentId)
  })

  it('at once with the answer to its approval: one of them wins, the tool runs at most once', async () => {
    for (let round = 0; round < 10; round++) {
      const agentId = await server.createAgent(HELD)
      const { body: asked } = await server.send(
        agentId,
        script({ calls: [note('likes tea')] }, { say: 'Noted.' }),
      )
      const [{ tool_call_id: id }] = asked.messages.at(-1).tool_calls
      const [run] = await runsOf(agentId)
      const approvals = [{ type: 'approval', tool_call_id: id, approve: true }]
      const answering = server.ask('POST', `/v1/agents/${agentId}/messages`, {
        messages: [{ type: 'approval', approvals }],
      })
      await Promise.all([answering, cancel(agentId, { run_ids: [run?.id ?? ''] })])
      const returns = (await server.messages(agentId)).filter(
        ({ message_type: type }) => type === 'tool_return_message',
      )
      expect(returns).toHaveLength(1)
      const { body: block } = await server.ask('GET', `/v1/agents/${agentId}/core-memory/blocks/human`)
      const didRun = returns[0].status === 'success'
      expect(block.value.match(/likes tea/g) ?? []).toHaveLength(didRun ? 1 : 0)
      expect(await server.status(run?.id ?? '')).toBe(didRun ? 'completed' : 'cancelled')
      await expectAnswering(agentId)
    }
  })
})

it('12. a plain message is refused before the cancel of an approval, and answered after it', async () => {
  const agentId = await server.createAgent(HELD)
  await server.send(agentId, MIXED)
  const refused = await server.send(agentId, 'hello')
  expect(refused.status).toBe(409)
  expect(JSON.stringify(refused.body)).toContain('waiting for approval')
  await cancel(agentId)
  await expectAnswering(agentId)
})
