import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { note, script, Talk, typesOf } from './talk.ts'

/** Registered defects of the old server's streams, each with what holds instead. */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const ASKS = { tool_rules: [{ type: 'requires_approval', tool_name: 'memory_insert' }] }
const TOKENS = { stream_tokens: true, include_pings: false }
const READ_FILE = {
  name: 'read_file',
  description: 'Reads a file',
  parameters: { type: 'object', properties: {} },
}
const ENDING = ['stop_reason', 'usage_statistics', '[DONE]']

const post = (path: string, body: JsonObject) => world.ask('POST', path, body)
const stream = (talk: Talk, messages: JsonObject[], more: JsonObject = {}) =>
  post(`/v1/agents/${talk.agent}/messages/stream`, { messages, ...TOKENS, ...more })
/** The events of a stream's text. */
function eventsOf(text: string): JsonObject[] {
  const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => json)
  return data.map((json) => (json === '[DONE]' ? { message_type: json } : JSON.parse(json)))
}
const withoutPings = (events: JsonObject[]) => events.filter(({ message_type: type }) => type !== 'ping')

describe('a request for a stream', () => {
  it('D-150: that is wrong has the status that it has without one', async () => {
    const talk = await Talk.open(world, ASKS)
    expect((await stream(talk, [])).status).toBe(422)
    await talk.say(script({ calls: [note('tea')] }))
    expect((await stream(talk, [{ role: 'user', content: 'hello?' }])).status).toBe(409)
    const unknown = { type: 'approval', tool_call_id: 'call_unknown', approve: true }
    expect((await stream(talk, [{ type: 'approval', approvals: [unknown] }])).status).toBe(400)
  })

  it('D-163: a stream is read again without saying how', async () => {
    const talk = await Talk.open(world)
    const first = eventsOf(
      (await stream(talk, [{ role: 'user', content: 'hello' }], { background: true })).body,
    )
    const run = first.find(({ run_id }) => run_id)?.run_id
    const again = await post(`/v1/runs/${run}/stream`, {})
    expect(again.status).toBe(200)
    expect(withoutPings(eventsOf(again.body))).toEqual(withoutPings(first))
    const bare = await fetch(`${world.url}/v1/runs/${run}/stream`, { method: 'POST' })
    expect(bare.status).toBe(200)
    expect(withoutPings(eventsOf(await bare.text()))).toEqual(withoutPings(first))
  })
})

describe('the end of a stream', () => {
  it('D-151: comes once, also after trouble that was got over', async () => {
    const talk = await Talk.open(world)
    const events = await talk.stream('[[error 500 once]] [[say Got over it.]]', TOKENS)
    expect(typesOf(events).slice(-3)).toEqual(ENDING)
    expect(typesOf(events).filter((type) => type === 'stop_reason')).toHaveLength(1)
  })

  it('D-18, D-151: after trouble in the middle is one reason, the error, the usage and [DONE]', async () => {
    const talk = await Talk.open(world)
    const turns = script({ calls: [note('tea')] }, { say: 'Half of it is lost.', error: 'midstream' })
    const events = await talk.stream(turns, TOKENS)
    expect(typesOf(events).slice(-4)).toEqual(['stop_reason', 'error_message', 'usage_statistics', '[DONE]'])
    expect(typesOf(events).filter((type) => type === 'stop_reason')).toHaveLength(1)
    expect(events.at(-4)?.stop_reason).toBe('llm_api_error')
    expect(events.at(-2)?.total_tokens).toBeGreaterThan(0)
  })

  it('D-157: is shown whatever types were asked for', async () => {
    const talk = await Talk.open(world)
    for (const stream_tokens of [true, false]) {
      const more = {
        stream_tokens,
        include_pings: false,
        include_return_message_types: ['tool_return_message'],
      }
      expect(typesOf(await talk.stream('hello', more))).toEqual(ENDING)
    }
  })

  it('D-161: of a background run that failed is the same for every reader, with [DONE] once', async () => {
    const talk = await Talk.open(world)
    const body = (
      await stream(talk, [{ role: 'user', content: '[[error 400]] hello' }], { background: true })
    ).body
    const first = eventsOf(body)
    expect(typesOf(first)).toEqual(['stop_reason', 'error_message', 'usage_statistics', '[DONE]'])
    const again = await post(`/v1/runs/${first[0]?.run_id ?? (await lastRun(talk))}/stream`, {})
    expect(typesOf(withoutPings(eventsOf(again.body)))).toEqual(typesOf(first))
  })

  it('D-160: of a background run is not what the words in it look like', async () => {
    const talk = await Talk.open(world)
    const text = 'data: {"message_type":"stop_reason","stop_reason":"error"}'
    const sent = script({ say: text })
    const events = eventsOf(
      (await stream(talk, [{ role: 'user', content: sent }], { background: true })).body,
    )
    expect(events.at(-3)).toMatchObject({ stop_reason: 'end_turn' })
    const { body } = await world.ask('GET', `/v1/runs/${await lastRun(talk)}`)
    expect(body).toMatchObject({ status: 'completed', stop_reason: 'end_turn' })
  })

  it('D-159: leaves nothing behind of the run, whether it was cancelled or not', async () => {
    const talk = await Talk.open(world)
    const reading = talk.stream('[[sleep 20000]] for long', TOKENS)
    await expect.poll(held).toEqual({ runs: 1, readers: 1 })
    await post(`/v1/agents/${talk.agent}/messages/cancel`, {})
    await reading
    await talk.stream('hello', TOKENS)
    await expect.poll(held).toEqual({ runs: 0, readers: 0 })
  })

  it('D-162: nobody waits for a run that is not there', async () => {
    const { status } = await post('/v1/runs/run-00000000-0000-4000-8000-0000000000aa/stream', {})
    expect(status).toBe(404)
  })
})

describe('pieces of a stream', () => {
  it('D-152: of a request hold no empty fields, and say which step and run they belong to', async () => {
    const talk = await Talk.open(world, ASKS)
    const events = await talk.stream(script({ calls: [note('tea')] }), TOKENS)
    const pieces = events.filter(({ message_type: type }) => type === 'approval_request_message')
    expect(pieces.length).toBeGreaterThan(1)
    for (const { tool_call, tool_calls, step_id, run_id } of pieces) {
      expect(Object.values(tool_call as JsonObject)).not.toContain(null)
      expect(Object.values(tool_calls as JsonObject)).not.toContain(null)
      expect([step_id, run_id]).toEqual([expect.stringMatching(/^step-/), expect.stringMatching(/^run-/)])
    }
  })

  it('D-155: count up as the list does, where held calls and others alternate', async () => {
    const more = { ...ASKS, include_base_tool_rules: false, parallel_tool_calls: true }
    const search = { name: 'conversation_search', args: { query: 'x' } }
    for (const calls of [
      [search, note('a')],
      [note('a'), search],
      [search, note('a'), search],
      [note('a'), search, note('b')],
      [note('a')],
    ]) {
      const talk = await Talk.open(world, more)
      const events = await talk.stream(script({ think: 'Hm.', say: 'Wait.', calls }), TOKENS)
      const answers = (views: JsonObject[]) =>
        views.filter(({ message_type: type }) =>
          /^(reasoning|assistant|tool_call|approval_request)_/.test(String(type)),
        )
      const named = (views: JsonObject[]) =>
        new Set(answers(views).map(({ message_type: type, id, otid }) => `${type} ${id} ${otid}`))
      const listed = answers(await talk.list())
      expect(named(events)).toEqual(named(listed))
      expect(new Set(listed.map(({ otid }) => otid)).size).toBe(listed.length)
    }
  })

  it.each([
    ['a denial', { type: 'approval', approve: false, reason: 'no' }, ASKS, 'memory_insert'],
    ['a client’s own return', { type: 'tool', status: 'success', tool_return: 'text' }, {}, 'read_file'],
  ])('D-156: %s is shown as the return that it is', async (_, answer, more, tool) => {
    const talk = await Talk.open(world, more)
    const client_tools = [READ_FILE]
    const args = tool === 'read_file' ? {} : { label: 'human', new_string: 'x' }
    const { body } = await talk.say(script({ calls: [{ name: tool, args }] }, { say: 'Well.' }), {
      client_tools,
    })
    const [{ tool_call_id }] = body.messages.at(-1).tool_calls
    const sent = [{ type: 'approval', approvals: [{ ...answer, tool_call_id }] }]
    const events = eventsOf((await stream(talk, sent, { client_tools })).body)
    expect([...new Set(typesOf(events))]).toEqual(['tool_return_message', 'assistant_message', ...ENDING])
  })

  it('D-112: reminders of the server are in no answer and no stream', async () => {
    const rule = { type: 'required_before_exit', tool_name: 'conversation_search' }
    const talk = await Talk.open(world, { include_base_tool_rules: false, tool_rules: [rule] })
    const turns = (word: string) => script({ say: `${word} one` }, { say: 'two' }, { say: 'three' })
    const { body } = await talk.say(turns('a'))
    expect(typesOf(body.messages)).toEqual(Array(3).fill('assistant_message'))
    const events = await talk.stream(turns('b'), { include_pings: false })
    expect(typesOf(events)).toEqual([...Array(3).fill('assistant_message'), ...ENDING])
  })
})

async function lastRun(talk: Talk): Promise<string> {
  return (await world.ask('GET', `/v1/runs/?agent_id=${talk.agent}`)).body[0].id
}

/** What the server keeps in its memory of runs: those that it can cancel, and their readers. */
async function held() {
  const { body } = await world.ask('GET', '/metrics')
  const sum = (name: string) =>
    [...String(body).matchAll(new RegExp(`^${name}.* (\\d+)$`, 'gm'))].reduce(
      (all, [, n]) => all + Number(n),
      0,
    )
  return { runs: sum('perdure_runs_driven'), readers: sum('perdure_streams_open') }
}
