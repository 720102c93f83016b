import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { call, note, script, Talk, typesOf } from './talk.ts'

/**
 * Calls that wait for somebody: the user's approval, or the client that runs them. Goal: whatever clients do and in
 * whatever order, no call stays open and the next valid request works.
 */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const RULES = { tool_rules: [{ type: 'requires_approval', tool_name: 'memory_insert' }] }
const PARALLEL = { ...RULES, include_base_tool_rules: false, parallel_tool_calls: true }
const READ_FILE = {
  name: 'read_file',
  description: 'Reads a file',
  parameters: { type: 'object', properties: { path: { type: 'string' } } },
}

/** An agent that has asked: may it note something? */
async function asked(more = {}) {
  const talk = await Talk.open(world, { ...RULES, include_base_tool_rules: false, ...more })
  const { body } = await talk.say(script({ calls: [note('tea')] }, { say: 'Noted.' }))
  return { talk, body, id: body.messages[0].tool_calls[0].tool_call_id }
}

describe('acceptance: approvals and client tools', () => {
  it('13: what is asked for does not hold the heartbeat of an agent of an older kind', async () => {
    const rule = { type: 'requires_approval', tool_name: 'core_memory_append' }
    const talk = await Talk.open(world, { agent_type: 'memgpt_agent', tool_rules: [rule] })
    const args = { label: 'human', content: 'tea', request_heartbeat: true, thinking: 'He likes it.' }
    const { body } = await talk.say(script({ calls: [call('core_memory_append', args)] }))
    const request = body.messages.at(-1)
    expect(request.message_type).toBe('approval_request_message')
    expect(JSON.parse(request.tool_call.arguments)).toEqual({ label: 'human', content: 'tea' })
  })

  it('14: a mixed batch waits as a whole; the answer stores one tool row with all returns', async () => {
    const talk = await Talk.open(world, PARALLEL)
    const search = call('conversation_search', { query: 'x' })
    const { body } = await talk.say(script({ calls: [search, note('tea')] }, { say: 'Done.' }))
    expect(typesOf(body.messages)).toEqual(['tool_call_message', 'approval_request_message'])
    const answered = await talk.approve(body.messages[1].tool_calls[0].tool_call_id)
    expect(typesOf(answered.body.messages)).toEqual(['tool_return_message', 'assistant_message'])
    expect(answered.body.messages[0].tool_returns).toHaveLength(2)
  })

  it.each([true, false])(
    'D-43, D-44: a call beside the request that cannot be read never runs; the answer is %s',
    async (approve) => {
      const talk = await Talk.open(world, PARALLEL)
      const broken = '[[call conversation_search {"query": oops]]'
      const { body } = await talk.say(`${broken} [[call memory_insert ${JSON.stringify(note('tea').args)}]]`)
      const answered = await talk.approve(body.messages.at(-1).tool_calls[0].tool_call_id, approve)
      const refused = answered.body.messages[0].tool_returns.find(
        ({ tool_return }: { tool_return: string }) => tool_return.includes('oops'),
      )
      expect(refused).toMatchObject({ status: 'error' })
      expect(refused.tool_return).toContain('not valid JSON')
    },
  )

  it('D-44: a call that cannot be read and needs an approval is told what is wrong with it', async () => {
    const talk = await Talk.open(world, PARALLEL)
    const asks = `[[call memory_insert ${JSON.stringify(note('tea').args)}]]`
    const { body } = await talk.say(`[[call memory_insert {"label": oops]] ${asks}`)
    const answered = await talk.approve(body.messages.at(-1).tool_calls[0].tool_call_id)
    const returns = answered.body.messages[0].tool_returns.map(
      ({ tool_return }: { tool_return: string }) => tool_return,
    )
    expect(returns.join('\n')).toContain('not valid JSON')
    expect(returns.join('\n')).not.toContain('needs an approval')
  })

  it('15: listing order: user, tool_call, approval_request, approval_response, tool_return', async () => {
    const talk = await Talk.open(world, PARALLEL)
    const search = call('conversation_search', { query: 'x' })
    const { body } = await talk.say(script({ say: 'Wait.', calls: [search, note('tea')] }, { say: 'Done.' }))
    await talk.approve(body.messages.at(-1).tool_calls[0].tool_call_id)
    expect(typesOf(await talk.list())).toEqual([
      'system_message',
      'user_message',
      'assistant_message',
      'tool_call_message',
      'approval_request_message',
      'approval_response_message',
      'tool_return_message',
      'assistant_message',
    ])
  })

  it('15: … also where tokens were streamed and the call that waits came first; the model reads one answer', async () => {
    const talk = await Talk.open(world, PARALLEL)
    const search = call('conversation_search', { query: 'x' })
    const turns = script({ say: 'Wait here.', calls: [note('tea'), search] }, { say: 'Done.' })
    await talk.stream(turns, { stream_tokens: true })
    const request = (await talk.list()).at(-1) as { tool_calls: { tool_call_id: string }[] }
    await talk.approve(request.tool_calls[0]?.tool_call_id ?? '')
    expect(typesOf(await talk.list())).toEqual([
      'system_message',
      'user_message',
      'assistant_message',
      'tool_call_message',
      'approval_request_message',
      'approval_response_message',
      'tool_return_message',
      'assistant_message',
    ])
    const { messages } = talk.requestWith('Wait here.') as { messages: JsonObject[] }
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool', 'tool'])
    expect(messages[2]).toMatchObject({
      content: 'Wait here.',
      tool_calls: [{ function: { name: 'conversation_search' } }, { function: { name: 'memory_insert' } }],
    })
  })

  it('15: … and where the words of a stream are all that stands before the request', async () => {
    const talk = await Talk.open(world, PARALLEL)
    const turns = script({ say: 'May I note it?', calls: [note('tea')] }, { say: 'Noted.' })
    await talk.stream(turns, { stream_tokens: true })
    const request = (await talk.list()).at(-1) as { tool_calls: { tool_call_id: string }[] }
    expect((await talk.approve(request.tool_calls[0]?.tool_call_id ?? '')).status).toBe(200)
    const { messages } = talk.requestWith('May I note it?') as { messages: JsonObject[] }
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'tool'])
    expect(messages[2]).toMatchObject({ content: 'May I note it?', tool_calls: [{}] })
  })

  it('16: a normal message while pending is 409 with the request id; unknown ids are 400', async () => {
    const { talk, body, id } = await asked()
    const refused = await talk.say('hello?')
    expect(refused.status).toBe(409)
    const { detail, ...beside } = refused.body
    expect(beside).toMatchObject({ code: 'PENDING_APPROVAL', pending_request_id: body.messages[0].id })
    expect(beside.message).toContain('waiting for approval')
    expect(detail).toEqual(beside)
    expect((await talk.approve('call_unknown')).status).toBe(400)
    expect((await talk.approve(id)).status).toBe(200)
  })

  it('16: on the routes of conversations the refusal is a text, with the code and the request id beside it', async () => {
    const { talk, body } = await asked()
    const path = `/v1/conversations/${talk.agent}/messages`
    const refused = await world.ask('POST', path, { input: 'hello?', streaming: false })
    expect(refused.body).toEqual({
      detail: expect.stringContaining('CONFLICT: '),
      code: 'PENDING_APPROVAL',
      message: refused.body.detail,
      pending_request_id: body.messages[0].id,
    })
  })

  it('17: the same approval twice succeeds without re-execution, and goes on with a keep-alive message', async () => {
    const { talk, id } = await asked()
    await talk.approve(id)
    expect((await talk.approve(id)).status).toBe(200)
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value.match(/tea/g)).toHaveLength(1)
    const views = await talk.list()
    expect(String(views.at(-2)?.content)).toContain('keep-alive')
  })

  it('17: … also after a compaction in mode `all`', async () => {
    const { talk, id } = await asked()
    await talk.approve(id)
    await world.ask('POST', `/v1/agents/${talk.agent}/summarize`, { compaction_settings: { mode: 'all' } })
    expect((await talk.approve(id)).status).toBe(200)
  })

  it('18: a client error status survives to the model and the list; big returns are cut', async () => {
    const talk = await Talk.open(world)
    const tools = { client_tools: [READ_FILE] }
    const { body } = await talk.say('[[call read_file {"path":"/a"}]]', tools)
    const tool_call_id = body.messages[0].tool_calls[0].tool_call_id
    const tool_return = 'x'.repeat(200_000)
    await talk.answer([{ type: 'tool', tool_call_id, status: 'error', tool_return }], tools)
    const returned = (await talk.list()).find((view) => view.message_type === 'tool_return_message')
    expect(returned?.status).toBe('error')
    expect(String(returned?.tool_return).length).toBeLessThan(110_000)
  })

  it('19: a client tool overrides a server tool only in requests that carry it', async () => {
    const talk = await Talk.open(world)
    const mine = { client_tools: [{ ...READ_FILE, name: 'memory_insert' }] }
    const { body } = await talk.say(script({ calls: [note('mine')] }), mine)
    expect(typesOf(body.messages)).toEqual(['approval_request_message'])
    const tool_call_id = body.messages[0].tool_calls[0].tool_call_id
    await talk.answer([{ type: 'tool', tool_call_id, status: 'success', tool_return: 'ok' }], mine)
    const own = await talk.say(script({ calls: [note('theirs')] }, { say: 'Done.' }))
    expect(typesOf(own.body.messages)).toEqual([
      'tool_call_message',
      'tool_return_message',
      'assistant_message',
    ])
  })

  it('20: last_stop_reason is requires_approval after the request', async () => {
    const { talk } = await asked()
    expect((await talk.state()).last_stop_reason).toBe('requires_approval')
  })

  it('a partial answer is 400 and changes nothing', async () => {
    const talk = await Talk.open(world, PARALLEL)
    const { body } = await talk.say(script({ calls: [note('a'), note('b')] }, { say: 'Done.' }))
    const ids = body.messages[0].tool_calls.map((one: { tool_call_id: string }) => one.tool_call_id)
    const before = await talk.list()
    expect((await talk.approve(ids[0])).status).toBe(400)
    expect(await talk.list()).toEqual(before)
    const both = ids.map((tool_call_id: string) => ({ type: 'approval', tool_call_id, approve: true }))
    expect((await talk.answer(both)).status).toBe(200)
  })

  it.each([
    { order: 'behind', decisions: [true, false] },
    { order: 'before', decisions: [false, true] },
    { order: 'among', decisions: [true, false, true] },
  ])('a call that is both approved and denied is denied, the denial $order the approval', async (given) => {
    const { talk, id } = await asked()
    const approvals = given.decisions.map((approve) => ({ type: 'approval', tool_call_id: id, approve }))
    const { status, body } = await talk.answer(approvals)
    expect(status).toBe(200)
    expect(body.messages[0]).toMatchObject({ message_type: 'tool_return_message', status: 'error' })
    expect(body.messages[0].tool_return).toContain('request to call tool denied')
    const response = (await talk.list()).find(
      ({ message_type: type }) => type === 'approval_response_message',
    )
    expect(response).toMatchObject({ approve: false, approvals: [{ tool_call_id: id, approve: false }] })
  })

  it('a call that is approved and comes with its result is not run', async () => {
    const { talk, id } = await asked()
    const approval = { type: 'approval', tool_call_id: id, approve: true }
    const result = { type: 'tool', tool_call_id: id, tool_return: 'ours', status: 'success' }
    const { body } = await talk.answer([approval, result])
    expect(body.messages[0]).toMatchObject({ tool_return: 'ours', status: 'success' })
  })

  it('an answer behind a message is 400 instead of lost, also where nothing is asked for', async () => {
    const { talk, id } = await asked()
    const hello = { role: 'user', content: 'hello?' }
    const answer = { type: 'approval', approvals: [{ type: 'approval', tool_call_id: id, approve: true }] }
    const refused = await talk.send([hello, answer])
    expect(refused).toMatchObject({ status: 400, body: { detail: expect.stringContaining('messages[1]') } })
    expect((await talk.send([answer, hello])).status).toBe(200)
    const listed = await talk.list()
    expect((await talk.send([hello, answer])).status).toBe(400)
    expect(await talk.list()).toEqual(listed)
  })

  it('a client tool that is approved instead of answered is 400: there is nothing here to run', async () => {
    const talk = await Talk.open(world)
    const tools = { client_tools: [READ_FILE] }
    const { body } = await talk.say('[[call read_file {"path":"/a"}]]', tools)
    expect((await talk.approve(body.messages[0].tool_calls[0].tool_call_id, true, tools)).status).toBe(400)
  })
})

describe('races: an approval that meets something else', () => {
  it('R-27: the same answer sent twice at once: the tool ran once and both callers got 200', async () => {
    const { talk, id } = await asked()
    const both = await Promise.all([talk.approve(id), talk.approve(id)])
    expect(both.map(({ status }) => status)).toEqual([200, 200])
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value.match(/tea/g)).toHaveLength(1)
  })

  it('R-28: an answer after a cancel of the run that asked executes nothing', async () => {
    const { talk, body, id } = await asked()
    const run_ids = [body.messages[0].run_id]
    await world.ask('POST', `/v1/agents/${talk.agent}/messages/cancel`, { run_ids })
    expect((await talk.approve(id)).status).toBe(200)
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value).not.toContain('tea')
    expect((await talk.say('and now?')).body.messages.at(-1).content).toContain('and now?')
  })

  it('R-29: an answer whose turn then fails closes its calls', async () => {
    const talk = await Talk.open(world, RULES)
    const { body } = await talk.say(script({ calls: [note('tea')] }, { error: '400' }))
    await talk.approve(body.messages[0].tool_calls[0].tool_call_id)
    expect(typesOf(await talk.list())).toContain('tool_return_message')
    expect((await talk.say('go on')).status).toBe(200)
  })

  it('R-30: the tool deleted before the approval gives an error return and a normal turn', async () => {
    const { talk, id } = await asked()
    const tools = (await talk.state('?include=agent.tools')).tools as { id: string; name: string }[]
    const tool = tools.find(({ name }) => name === 'memory_insert')
    await world.ask('PATCH', `/v1/agents/${talk.agent}/tools/detach/${tool?.id}`)
    const { body } = await talk.approve(id)
    expect(body.messages[0].status).toBe('error')
    expect(body.stop_reason.stop_reason).toBe('end_turn')
  })
})

describe('what clients had to repair against the old server', () => {
  it('an orphaned request after a cancelled run: the next message is answered', async () => {
    const { talk } = await asked()
    await world.ask('POST', `/v1/agents/${talk.agent}/messages/cancel`, {})
    expect((await talk.say('hello')).status).toBe(200)
  })

  it('an answer by message id instead of call id is taken', async () => {
    const { talk, body } = await asked()
    const old = { type: 'approval', approve: false, approval_request_id: body.messages[0].id, reason: 'no' }
    const { body: answered } = await talk.send([old])
    expect(answered.messages[0].tool_return).toContain('request to call tool denied. User reason: no')
  })

  it('a repeated answer with a message behind it is a message', async () => {
    const { talk, id } = await asked()
    await talk.approve(id)
    const approvals = [{ type: 'approval', tool_call_id: id, approve: true }]
    const { body } = await talk.send([
      { type: 'approval', approvals },
      { role: 'user', content: 'hello again' },
    ])
    expect(body.messages.at(-1).content).toContain('hello again')
  })

  it('a message sent while a request is pending is refused, and is not in the way of the answer', async () => {
    const { talk, id } = await asked()
    await talk.say('hello?')
    const { body } = await talk.send([
      { type: 'approval', approvals: [{ type: 'approval', tool_call_id: id, approve: false, reason: 'no' }] },
      { role: 'user', content: 'do something else' },
    ])
    expect(body.stop_reason.stop_reason).toBe('end_turn')
    expect((await talk.list()).filter((view) => view.content === 'hello?')).toEqual([])
  })
})
