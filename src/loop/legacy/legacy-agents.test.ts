import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../../../test/server-world.ts'
import type { JsonObject } from '../../domain/json.ts'

/**
 * Agents of the older types: driven by the same loop, seen through the front door. The model is made to call tools as
 * those agents' models do, with a thought and a wish to go on among the arguments.
 */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const createOld = (more: JsonObject = {}) =>
  world.createAgent({
    agent_type: 'memgpt_v2_agent',
    memory_blocks: [{ label: 'human', value: 'Ann.' }],
    ...more,
  })

async function send(agent: string, text: string, more: JsonObject = {}) {
  return world.ask('POST', `/v1/agents/${agent}/messages`, {
    messages: [{ role: 'user', content: text }],
    ...more,
  })
}

const call = (name: string, args: JsonObject) => ({ name, args })
const script = (...turns: JsonObject[]) => `[[script ${JSON.stringify(turns)}]]`
const say = (message: string, thinking: string) => call('send_message', { thinking, message })

describe('agents that speak through a tool', () => {
  it('are offered their tools with a thought and a heartbeat, and must call one', async () => {
    const agent = await createOld()
    const { body } = await world.ask('POST', `/v1/agents/${agent}/messages/preview-raw-payload`, {
      messages: [{ role: 'user', content: 'hello' }],
    })
    expect(body.tool_choice).toBe('required')
    const required = Object.fromEntries(
      body.tools.map((tool: { function: { name: string; parameters: { required: string[] } } }) => [
        tool.function.name,
        tool.function.parameters.required,
      ]),
    )
    expect(required.memory_insert).toEqual(['thinking', 'label', 'new_string', 'request_heartbeat'])
    // Its call ends the turn, so there is nothing to ask for.
    expect(required.send_message).toEqual(['thinking', 'message'])
  })

  it('are shown as thinking and answering, on every way of asking', async () => {
    const agent = await createOld()
    const { body } = await send(agent, script({ calls: [say('Good morning.', 'They are up early.')] }))
    const spoken = [
      { message_type: 'reasoning_message', source: 'non_reasoner_model', reasoning: 'They are up early.' },
      { message_type: 'assistant_message', content: 'Good morning.' },
    ]
    expect(body.messages).toMatchObject(spoken)
    expect(body.stop_reason.stop_reason).toBe('end_turn')

    const listed = await world.ask('GET', `/v1/agents/${agent}/messages?limit=2`)
    expect(listed.body).toMatchObject(spoken)
    expect(listed.body.map((view: JsonObject) => view.otid)).toEqual(
      body.messages.map((view: JsonObject) => view.otid),
    )
    const ofRun = await world.ask('GET', `/v1/runs/${body.messages[0].run_id}/messages`)
    expect(ofRun.body.slice(1)).toMatchObject(spoken)
  })

  it('stream thoughts and words apart, under the otids that the list shows', async () => {
    const agent = await createOld()
    const { body } = await world.ask('POST', `/v1/agents/${agent}/messages/stream`, {
      messages: [{ role: 'user', content: script({ calls: [say('Say "hi"\nto them.', 'Plain {words}.')] }) }],
      stream_tokens: true,
    })
    const events = eventsOf(body)
    expect(joined(events, 'reasoning_message', 'reasoning')).toBe('Plain {words}.')
    expect(joined(events, 'assistant_message', 'content')).toBe('Say "hi"\nto them.')
    expect(events.some(({ message_type: type }) => type === 'tool_call_message')).toBe(false)
    const listed = await world.ask('GET', `/v1/agents/${agent}/messages?limit=2`)
    const otids = ['reasoning_message', 'assistant_message'].map(
      (type) => events.find((event) => event.message_type === type)?.otid,
    )
    expect(listed.body.map((view: JsonObject) => view.otid)).toEqual(otids)
  })

  it('show the call itself to whoever asks for it, without what was added', async () => {
    const agent = await createOld()
    const message = { role: 'user', content: script({ calls: [say('Here.', 'Hm.')] }) }
    const { body } = await world.ask('POST', `/v1/agents/${agent}/messages/stream`, {
      messages: [message],
      stream_tokens: true,
      use_assistant_message: false,
    })
    const pieces = eventsOf(body).flatMap(({ tool_call: piece }) => (piece ? [piece as JsonObject] : []))
    expect(pieces[0]?.name).toBe('send_message')
    const text = pieces.map((piece) => piece.arguments ?? '').join('')
    expect(JSON.parse(text)).toEqual({ message: 'Here.' })
  })

  it('go on after a call only when they asked to', async () => {
    const agent = await createOld({ include_base_tool_rules: false })
    const insert = (request_heartbeat: boolean) =>
      call('memory_insert', { label: 'human', new_string: 'x', thinking: 'Note it.', request_heartbeat })
    const stays = await send(agent, script({ calls: [insert(false)] }, { calls: [say('no', 'no')] }))
    expect(stays.body.messages.map(typeOf)).toEqual([
      'reasoning_message',
      'tool_call_message',
      'tool_return_message',
    ])
    expect(JSON.parse(stays.body.messages[1].tool_call.arguments)).toEqual({
      label: 'human',
      new_string: 'x',
    })

    const goesOn = await send(agent, script({ calls: [insert(true)] }, { calls: [say('Noted.', 'Done.')] }))
    expect(goesOn.body.messages.at(-1)).toMatchObject({ content: 'Noted.' })
    expect(goesOn.body.usage.step_count).toBe(2)
  })

  it('go on after a call that failed, and after one whose rule says so', async () => {
    const free = await createOld({ include_base_tool_rules: false })
    const failing = call('memory_replace', { label: 'human', old_string: 'absent', new_string: 'x' })
    const failed = await send(free, script({ calls: [failing] }, { calls: [say('It failed.', 'Hm.')] }))
    expect(failed.body.messages.at(-1)).toMatchObject({ content: 'It failed.' })

    const ruled = await createOld()
    const insert = call('memory_insert', { label: 'human', new_string: 'x', thinking: 'Note it.' })
    const went = await send(ruled, script({ calls: [insert] }, { calls: [say('Noted.', 'Done.')] }))
    expect(went.body.messages.at(-1)).toMatchObject({ content: 'Noted.' })
  })

  it('run only the first of several calls', async () => {
    const agent = await createOld()
    const { body } = await send(agent, script({ calls: [say('one', 'a'), say('two', 'b')] }))
    expect(
      body.messages.filter((view: JsonObject) => view.message_type === 'assistant_message'),
    ).toMatchObject([{ content: 'one' }])
  })

  it('have one conversation and no tools of their clients: who sends either is told so', async () => {
    const agent = await createOld()
    const parameters = { type: 'object', properties: {} }
    const client_tools = [{ name: 'look_around', description: 'Looks.', parameters }]
    expect((await send(agent, 'hello', { client_tools })).status).toBe(400)
    const conversation = (await world.ask('POST', `/v1/conversations/?agent_id=${agent}`, {})).body.id
    const messages = [{ role: 'user', content: 'hello' }]
    for (const streaming of [true, false]) {
      const path = `/v1/conversations/${conversation}/messages`
      expect((await world.ask('POST', path, { messages, streaming })).status).toBe(400)
    }
    const preview = `/v1/agents/${agent}/messages/preview-raw-payload`
    expect((await world.ask('POST', preview, { messages, client_tools })).status).toBe(400)
    expect((await world.ask('GET', `/v1/runs/?agent_id=${agent}`)).body).toEqual([])
    const own = `/v1/conversations/${agent}/messages`
    expect((await world.ask('POST', own, { messages, streaming: false })).status).toBe(200)
  })

  it('hold a call for approval without the arguments that were added to it', async () => {
    const agent = await createOld({
      tool_rules: [{ type: 'requires_approval', tool_name: 'memory_insert' }],
    })
    const insert = call('memory_insert', {
      label: 'human',
      new_string: 'x',
      thinking: 'May I?',
      request_heartbeat: true,
    })
    const asked = await send(agent, script({ calls: [insert] }, { calls: [say('Thanks.', 'Good.')] }))
    expect(asked.body.messages.map(typeOf)).toEqual(['reasoning_message', 'approval_request_message'])
    const { tool_call: held } = asked.body.messages[1]
    expect(JSON.parse(held.arguments)).toEqual({ label: 'human', new_string: 'x' })
    const approvals = [{ type: 'approval', tool_call_id: held.tool_call_id, approve: true }]
    const answered = await world.ask('POST', `/v1/agents/${agent}/messages`, {
      messages: [{ type: 'approval', approvals }],
    })
    expect(answered.body.messages.at(-1)).toMatchObject({ content: 'Thanks.' })
  })
})

function eventsOf(stream: string): JsonObject[] {
  const lines = stream.split('\n').filter((line) => line.startsWith('data: {'))
  return lines.map((line) => JSON.parse(line.slice('data: '.length)))
}

function joined(events: JsonObject[], type: string, key: string): string {
  return events
    .filter((event) => event.message_type === type)
    .map((event) => event[key])
    .join('')
}

function typeOf(view: JsonObject) {
  return view.message_type
}
