import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { type MockProcess, startMockProcess } from '../mock-process.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { call, note, script, Talk, typesOf } from './talk.ts'

/** Registered defects of the old server's turns, each with what holds instead. */
let world: ServerWorld
let gemini: MockProcess
beforeAll(async () => {
  gemini = await startMockProcess()
  world = await openServerWorld({ GEMINI_API_KEY: 'k', GEMINI_BASE_URL: gemini.url })
})
afterAll(async () => {
  await world.close()
  await gemini.stop()
})

/** Makes several calls at once also where it is asked not to. */
const UNASKED = { model: 'google_ai/gemini-2.5-flash', parallel_tool_calls: true }

const ASKS = { tool_rules: [{ type: 'requires_approval', tool_name: 'memory_insert' }] }
const only = (...tool_rules: object[]) => ({ include_base_tool_rules: false, tool_rules }) as never
const stopOf = ({ body }: { body: JsonObject }) => (body.stop_reason as JsonObject).stop_reason
const runsOf = async (talk: Talk) => (await world.ask('GET', `/v1/runs/?agent_id=${talk.agent}`)).body
const stepsOf = async (run: string) => (await world.ask('GET', `/v1/runs/${run}/steps`)).body

/** A turn that waits for an approval, and what answers it. */
async function asked(turns: JsonObject[], more: JsonObject = {}) {
  const talk = await Talk.open(world, ASKS)
  const { body } = await talk.say(script({ calls: [note('tea')] }, ...turns), more)
  const tool_call_id = body.messages[0].tool_calls[0].tool_call_id
  const approval = { type: 'approval', approvals: [{ type: 'approval', tool_call_id, approve: true }] }
  return { talk, body, approval }
}

describe('the steps of a turn', () => {
  it('D-06: what is sent behind an approval is not lost when the answer ends the turn', async () => {
    const talk = await Talk.open(
      world,
      only(
        { type: 'requires_approval', tool_name: 'memory_insert' },
        { type: 'exit_loop', tool_name: 'memory_insert' },
      ),
    )
    const { body } = await talk.say(script({ calls: [note('tea')] }))
    const tool_call_id = body.messages[0].tool_calls[0].tool_call_id
    await talk.send(
      [
        { type: 'approval', approvals: [{ type: 'approval', tool_call_id, approve: true }] },
        { role: 'user', content: 'and one more thing' },
      ],
      { max_steps: 1 },
    )
    expect((await talk.list()).map(({ content }) => content)).toContain('and one more thing')
    await talk.say('did you get it?')
    expect(JSON.stringify(talk.requestWith('did you get it?'))).toContain('and one more thing')
  })

  it('D-07: the answer to an approval is no step of its own', async () => {
    const { talk, approval } = await asked([{ say: 'Noted.' }])
    const { body } = await talk.send([approval], { max_steps: 1 })
    expect(body.messages.at(-1).content).toBe('Noted.')
    expect(body.usage.step_count).toBe(1)
  })

  it('D-08: in the last step nobody is reminded of a call that it owes', async () => {
    const rule = { type: 'required_before_exit', tool_name: 'conversation_search' }
    const talk = await Talk.open(world, only(rule))
    const answer = await talk.say(script({ say: 'a' }, { say: 'b' }), { max_steps: 1 })
    expect(answer.body.messages).toMatchObject([{ content: 'a' }])
    expect(stopOf(answer)).toBe('end_turn')
  })

  it('D-08: a turn that would go on after its last step says so', async () => {
    const talk = await Talk.open(world)
    const answer = await talk.say(script({ calls: [note('x')] }, { say: 'never' }), { max_steps: 1 })
    expect(stopOf(answer)).toBe('max_steps')
    const [run] = await runsOf(talk)
    expect(run).toMatchObject({ status: 'completed', stop_reason: 'max_steps' })
  })

  it.each([0, -1])('D-09: %i steps are refused, and the message is not taken', async (max_steps) => {
    const talk = await Talk.open(world)
    expect((await talk.say('hello', { max_steps })).status).toBeGreaterThanOrEqual(400)
    expect(typesOf(await talk.list())).toEqual(['system_message'])
  })
})

describe('the run of a turn', () => {
  it('D-17: that fails has failed, whoever listens', async () => {
    const talk = await Talk.open(world)
    await talk.stream('[[error 400]] stream', { stream_tokens: true })
    const { body } = await world.ask('POST', `/v1/agents/${talk.agent}/messages/async`, {
      messages: [{ role: 'user', content: '[[error 400]] async' }],
    })
    await expect
      .poll(async () => (await world.ask('GET', `/v1/runs/${body.id}`)).body.status, { timeout: 10_000 })
      .toBe('failed')
    const runs = await runsOf(talk)
    expect(runs.map(({ stop_reason }: JsonObject) => stop_reason)).toEqual(['llm_api_error', 'llm_api_error'])
  })

  it('D-20: is not begun by a look at the request that it would make', async () => {
    const talk = await Talk.open(world)
    const preview = await world.ask('POST', `/v1/agents/${talk.agent}/messages/preview-raw-payload`, {
      messages: [{ role: 'user', content: 'only looking' }],
    })
    expect(JSON.stringify(preview.body)).toContain('only looking')
    expect(await runsOf(talk)).toEqual([])
    const steps = await world.ask('GET', `/v1/steps/?agent_id=${talk.agent}`)
    expect(steps.body).toEqual([])
    expect(typesOf(await talk.list())).toEqual(['system_message'])
  })

  it('D-22: that failed has a step that says of what', async () => {
    const talk = await Talk.open(world)
    await talk.say('[[error 400]] hello')
    const [run] = await runsOf(talk)
    const [step] = await stepsOf(run.id)
    expect(step).toMatchObject({ status: 'failed', stop_reason: 'llm_api_error' })
    expect(step.error_type).toMatch(/^(?!Unknown)./)
  })

  it('D-23: of a blocking conversation ends, and keeps its conversation', async () => {
    const talk = await Talk.open(world)
    const conversation = (await world.ask('POST', `/v1/conversations/?agent_id=${talk.agent}`, {})).body.id
    const path = `/v1/conversations/${conversation}/messages`
    const { body } = await world.ask('POST', path, { input: 'hello', streaming: false })
    const run = (await world.ask('GET', `/v1/runs/${body.messages[0].run_id}`)).body
    expect(run).toMatchObject({ status: 'completed', conversation_id: conversation, stop_reason: 'end_turn' })
  })

  it('D-25: does not keep its whole answer a second time', async () => {
    const talk = await Talk.open(world)
    await talk.say('[[say Something to be kept once.]]')
    const [run] = await runsOf(talk)
    expect(JSON.stringify(run.metadata)).not.toContain('kept once')
  })

  it('D-27: that failed in a blocking answer has the reason', async () => {
    const talk = await Talk.open(world)
    await talk.say('[[error 401]] hello')
    const [run] = await runsOf(talk)
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'llm_api_error', metadata: { error: {} } })
  })

  it('D-140: is counted whole, however many steps it has', async () => {
    const talk = await Talk.open(world)
    const turns = Array.from({ length: 55 }, (_, at) => ({ calls: [note(`line ${at}`)], usage: [100, 10] }))
    const { body } = await talk.say(script(...turns, { say: 'Done.' }), { max_steps: 60 })
    expect(body.usage).toMatchObject({ step_count: 56, completion_tokens: 55 * 10 + 2 })
    const run = body.messages[0].run_id
    const metrics = (await world.ask('GET', `/v1/runs/${run}/metrics`)).body
    expect(metrics).toMatchObject({ num_steps: 56, tools_used: [expect.stringMatching(/^tool-/)] })
    const usage = (await world.ask('GET', `/v1/runs/${run}/usage`)).body
    expect(usage.completion_tokens).toBe(body.usage.completion_tokens)
  }, 60_000)

  it('D-28: is running while it runs', async () => {
    const talk = await Talk.open(world)
    const answer = talk.say('[[sleep 600]] hello')
    await expect.poll(async () => (await runsOf(talk))[0]?.status, { interval: 20 }).toBe('running')
    await answer
    expect((await runsOf(talk))[0].status).toBe('completed')
  })
})

describe('what stands in the history', () => {
  /** The row of a tool’s result, made into what old rows and damage can be. */
  const change = async (talk: Talk, returns: ReturnType<typeof sql>) => {
    const [row] = (await talk.list()).filter(({ message_type: type }) => type === 'tool_return_message')
    await sql`update messages set tool_returns = ${returns} where id = ${row?.id}`.execute(world.db)
  }
  const called = async () => {
    const rule = {
      type: 'conditional',
      tool_name: 'memory_insert',
      child_output_mapping: { x: 'memory_replace' },
    }
    const talk = await Talk.open(world, only({ ...rule, default_child: 'conversation_search' }))
    await talk.say(script({ calls: [note('tea')] }, { say: 'Noted.' }), { max_steps: 1 })
    return talk
  }
  const goesOn = async (talk: Talk) => {
    const { status, body } = await talk.say('[[say Still here.]]')
    expect(status).toBe(200)
    expect(body.messages.at(-1)).toMatchObject({ content: 'Still here.' })
  }

  it('D-122, D-123: a result that is no JSON is listed as it is, and the agent goes on', async () => {
    const talk = await called()
    await change(talk, sql`jsonb_set(tool_returns::jsonb, '{0,output}', '"{\\"half\\": "')`)
    const row = (await talk.list()).find(({ message_type: type }) => type === 'tool_return_message')
    expect(row).toMatchObject({ tool_return: '{"half": ' })
    await goesOn(talk)
  })

  it('D-127: a row of results without results is nothing, and the agent goes on', async () => {
    const talk = await called()
    await change(talk, sql`null`)
    expect(typesOf(await talk.list())).not.toContain('tool_return_message')
    await goesOn(talk)
  })
})

describe('calls', () => {
  it('D-33: that wait beside an approval are checked before it is asked for', async () => {
    const talk = await Talk.open(
      world,
      Object.assign(
        only(
          { type: 'requires_approval', tool_name: 'memory_insert' },
          { type: 'max_count_per_step', tool_name: 'conversation_search', max_count_limit: 0 },
        ),
        UNASKED,
      ),
    )
    const calls = [call('conversation_search', { query: 'x' }), note('tea')]
    const { body } = await talk.say(script({ calls }, { say: 'Done.' }))
    const request = body.messages.at(-1)
    const answered = await talk.approve(request.tool_calls[0].tool_call_id)
    const returns = answered.body.messages[0].tool_returns as { status: string; tool_return: string }[]
    expect(returns.map(({ status }) => status).sort()).toEqual(['error', 'success'])
    expect(returns.find(({ status }) => status === 'error')?.tool_return).toMatch(/^\[ToolConstraintError\]/)
  })

  it('D-38: of which one ends the turn end it, in whatever order they came', async () => {
    for (const last of [true, false]) {
      const rule = { type: 'exit_loop', tool_name: 'memory_insert' }
      const talk = await Talk.open(world, Object.assign(only(rule), UNASKED))
      const search = call('conversation_search', { query: 'x' })
      const calls = last ? [search, note('end')] : [note('end'), search]
      const answer = await talk.say(script({ calls }, { say: 'never' }))
      expect(answer.body.messages.at(-1).tool_returns).toHaveLength(2)
      expect(stopOf(answer)).toBe('tool_rule')
    }
  })

  it('D-89: of which only the first is made, also by a provider that cannot be told so, are not shown either, piece by piece', async () => {
    const talk = await Talk.open(world, { ...UNASKED, parallel_tool_calls: false })
    const turns = script({ calls: [note('first'), note('second')] }, { say: 'Done.' })
    const events = await talk.stream(turns, { stream_tokens: true, include_pings: false })
    const shown = events.filter(({ message_type: type }) => type === 'tool_call_message')
    expect(JSON.stringify(shown)).toContain('first')
    expect(JSON.stringify(shown)).not.toContain('second')
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value).toBe('Ann.\nfirst')
  })

  it('D-39: are approved with the arguments that a rule had given them', async () => {
    const args = { label: 'human', new_string: 'by rule' }
    const talk = await Talk.open(
      world,
      only(
        { type: 'run_first', tool_name: 'memory_insert', args },
        { type: 'requires_approval', tool_name: 'memory_insert' },
      ),
    )
    const { body } = await talk.say(script({ calls: [note('by the model')] }, { say: 'Noted.' }))
    const request = body.messages.at(-1)
    expect(JSON.parse(request.tool_call.arguments)).toEqual(args)
    await talk.approve(request.tool_call.tool_call_id)
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value).toBe('Ann.\nby rule')
  })

  it('D-41: keep arguments that have the names of older agents’ own', async () => {
    const talk = await Talk.open(world)
    const parameters = { type: 'object', properties: { thinking: { type: 'string' } } }
    const client_tools = [{ name: 'ponder', description: 'Ponders.', parameters }]
    const args = { thinking: 'hard', request_heartbeat: true }
    const { body } = await talk.say(script({ calls: [call('ponder', args)] }), { client_tools })
    expect(JSON.parse(body.messages[0].tool_call.arguments)).toEqual(args)
  })

  it('D-47: a client’s tools are remembered with the request that waits for them', async () => {
    const talk = await Talk.open(world)
    const parameters = { type: 'object', properties: {} }
    const client_tools = [{ name: 'look_around', description: 'Looks.', parameters }]
    const { body } = await talk.say('[[call look_around {}]]', { client_tools })
    const [{ tool_call_id }] = body.messages[0].tool_calls
    await talk.answer([{ type: 'tool', tool_call_id, status: 'success', tool_return: 'a remembered tree' }])
    const tools = talk.requestWith('a remembered tree').tools as { function: { name: string } }[]
    expect(tools.map((tool) => tool.function.name)).toContain('look_around')
  })
})

describe('answers to requests', () => {
  it('D-61: keep the step that asked, and count for the run that answers', async () => {
    const { talk, body, approval } = await asked([{ say: 'Noted.' }])
    const answered = (await talk.send([approval])).body.messages
    expect(answered[0].step_id).toBe(body.messages[0].step_id)
    expect(answered[0].run_id).not.toBe(body.messages[0].run_id)
    const metrics = (await world.ask('GET', `/v1/runs/${answered[0].run_id}/metrics`)).body
    expect(metrics.tools_used).toHaveLength(1)
  })

  it('D-14: a cancel closes the request of the run’s own conversation, and no other', async () => {
    const talk = await Talk.open(world, ASKS)
    const conversation = (await world.ask('POST', `/v1/conversations/?agent_id=${talk.agent}`, {})).body.id
    const path = `/v1/conversations/${conversation}/messages`
    const input = script({ calls: [note('elsewhere')] })
    const { body } = await world.ask('POST', path, { input, streaming: false })
    const here = await talk.say(script({ calls: [note('here')] }, { say: 'Noted.' }))
    const run_ids = [body.messages[0].run_id]
    await world.ask('POST', `/v1/agents/${talk.agent}/messages/cancel`, { run_ids })
    const there = (await world.ask('GET', `${path}?order=asc`)).body
    expect(there.at(-1)).toMatchObject({ message_type: 'tool_return_message', status: 'error' })
    const answered = await talk.approve(here.body.messages[0].tool_calls[0].tool_call_id)
    expect(answered.body.messages[0]).toMatchObject({ status: 'success' })
  })

  it('D-50: are stored in one row with all results, whoever gave them', async () => {
    const more = { ...ASKS, parallel_tool_calls: true, include_base_tool_rules: false }
    const talk = await Talk.open(world, more)
    const parameters = { type: 'object', properties: {} }
    const client_tools = [{ name: 'look_around', description: 'Looks.', parameters }]
    const calls = [note('tea'), note('coffee'), call('look_around', {})]
    const { body } = await talk.say(script({ calls }, { say: 'Done.' }), { client_tools })
    const [tea, coffee, look] = body.messages.at(-1).tool_calls.map((one: JsonObject) => one.tool_call_id)
    await talk.answer([
      { type: 'approval', tool_call_id: tea, approve: true },
      { type: 'approval', tool_call_id: coffee, approve: false, reason: 'no coffee' },
      { type: 'tool', tool_call_id: look, status: 'success', tool_return: 'a tree' },
    ])
    const { messages } = (await world.ask('GET', `/v1/agents/${talk.agent}/context`)).body
    const [row] = messages.filter(({ role }: JsonObject) => role === 'tool')
    expect(row.tool_returns).toHaveLength(3)
    const texts = row.content.map(({ text }: JsonObject) => text)
    for (const word of ['tea', 'no coffee', 'a tree'])
      expect(texts.filter((text: string) => text.includes(word))).toHaveLength(1)
  })

  it('D-60: are taken where nothing is known of how long the step that asked took', async () => {
    const { talk, body, approval } = await asked([{ say: 'Noted.' }])
    const step = body.messages[0].step_id
    await world.db.deleteFrom('step_metrics').where('id', '=', step).execute()
    const answered = await talk.send([approval])
    expect(answered.body.messages.at(-1)).toMatchObject({ content: 'Noted.' })
    const metrics = await world.ask('GET', `/v1/steps/${step}/metrics`)
    expect(metrics.body.tool_execution_ns).toBeGreaterThanOrEqual(0)
  })

  it('D-62: keep the otid that they were sent with', async () => {
    const { talk, approval } = await asked([{ say: 'Noted.' }])
    const otid = '11111111-2222-4333-8444-555555555555'
    await talk.send([{ ...approval, otid }])
    const response = (await talk.list()).find((view) => view.message_type === 'approval_response_message')
    expect(response?.otid).toBe(otid)
  })

  it('D-63, D-64: what is streamed before a request is listed under the same ids and otids', async () => {
    const talk = await Talk.open(world, ASKS)
    const turns = script({ say: 'May I?', calls: [note('tea')] }, { say: 'Noted.' })
    const events = await talk.stream(turns, { stream_tokens: true, include_pings: false })
    const shown = (views: JsonObject[]) => [
      ...new Set(
        views
          .filter(({ message_type: type }) => /^(assistant|approval_request)_message$/.test(String(type)))
          .map(({ message_type: type, id, otid }) => [type, id, otid].join()),
      ),
    ]
    expect(shown(events)).toHaveLength(2)
    expect(shown(events)).toEqual(shown(await talk.list()))
  })

  it('D-67: a part of an answer that was given before is a repeat as well', async () => {
    const talk = await Talk.open(world, {
      ...ASKS,
      include_base_tool_rules: false,
      parallel_tool_calls: true,
    })
    const { body } = await talk.say(script({ calls: [note('a'), note('b')] }, { say: 'Done.' }))
    const approvals = (body.messages[0].tool_calls as { tool_call_id: string }[]).map(({ tool_call_id }) => ({
      type: 'approval',
      tool_call_id,
      approve: true,
    }))
    await talk.answer(approvals)
    expect((await talk.answer(approvals.slice(1))).status).toBe(200)
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value.split('\n')).toEqual(['Ann.', 'a', 'b'])
  })

  it('D-68: are known as repeats only where they were given', async () => {
    const { talk, approval } = await asked([{ say: 'Noted.' }])
    await talk.send([approval])
    const other = (await world.ask('POST', `/v1/conversations/?agent_id=${talk.agent}`, {})).body.id
    const path = `/v1/conversations/${other}/messages`
    const { status } = await world.ask('POST', path, { messages: [approval], streaming: false })
    expect(status).toBe(400)
  })

  it('D-69: however often they are repeated, there is one keep-alive in a row', async () => {
    const { talk, approval } = await asked([{ say: 'Noted.' }])
    for (let times = 0; times < 4; times++) await talk.send([approval])
    const texts = (await talk.list()).map(({ content }) => String(content))
    const alive = texts.map((text) => text.includes('keep-alive'))
    expect(alive.filter(Boolean).length).toBeGreaterThan(0)
    expect(alive.some((one, at) => one && alive[at + 1])).toBe(false)
  })
})
