import { createServer, type ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { note, script, Talk, typesOf } from './talk.ts'

/** Registered defects of the old server in its dealings with models' providers, each with what holds instead. */
let world: ServerWorld
let claude: Claude
beforeAll(async () => {
  claude = await openClaude()
  const { url } = claude
  world = await openServerWorld({ ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: url })
})
afterAll(async () => {
  await world.close()
  await claude.close()
})

const CLAUDE = { model: 'anthropic/claude-haiku-4-5', parallel_tool_calls: true }
const REASONER = { model: 'openai-proxy/gpt-5-mini' }
const TOKENS = { stream_tokens: true, include_pings: false }

describe('an answer of Claude’s', () => {
  it('D-87: that pauses is gone on with, in a step of its own', async () => {
    const talk = await Talk.open(world, CLAUDE)
    claude.ends('pause_turn', 'end_turn')
    const { body } = await talk.say('hello')
    expect(typesOf(body.messages)).toEqual(['assistant_message', 'assistant_message'])
    expect(body).toMatchObject({ stop_reason: { stop_reason: 'end_turn' }, usage: { step_count: 2 } })
  })

  it('D-87: that pauses in the last step ends the turn there', async () => {
    const talk = await Talk.open(world, CLAUDE)
    claude.ends('pause_turn')
    const { body } = await talk.say('hello', { max_steps: 1 })
    expect(body.stop_reason.stop_reason).toBe('max_steps')
  })

  it('D-87: that ends for a reason nobody knows has ended', async () => {
    const talk = await Talk.open(world, CLAUDE)
    claude.ends('out_of_ideas')
    const { status, body } = await talk.say('hello')
    expect(status).toBe(200)
    expect(body).toMatchObject({ messages: [{ content: 'Well.' }], stop_reason: { stop_reason: 'end_turn' } })
  })

  it('D-88: that nobody watches keeps all of its calls', async () => {
    const talk = await Talk.open(world, CLAUDE)
    claude.ends('tool_use', 'end_turn')
    const { body } = await talk.say('hello', { max_steps: 2 })
    expect(body.messages[0].tool_calls).toHaveLength(2)
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value).toBe('Ann.\none\ntwo')
  })

  it('D-93: comes over the connection that is open', async () => {
    const talk = await Talk.open(world, CLAUDE)
    await talk.say('first')
    const before = claude.connections()
    for (const text of ['second', 'third', 'fourth']) await talk.say(text)
    expect(claude.connections()).toBe(before)
  })
})

describe('a call of a model', () => {
  it.each(['400', 'midstream', 'malformed', 'cutoff'])(
    'D-94: that fails (%s) is told of without what was sent',
    async (kind) => {
      for (const more of [{}, REASONER]) {
        const talk = await Talk.open(world, { ...more, system: 'The hidden rule is oak.' })
        await talk.say(`[[error ${kind}]] the secret is ash`)
        const told = inspect(world.observations, { depth: null, maxStringLength: null, maxArrayLength: null })
        expect(told).toContain('model_failed')
        expect(told).not.toMatch(/hidden rule|secret is ash/)
      }
    },
  )

  it('D-143: whose usage nobody reports counts as nothing, and the others are counted', async () => {
    const talk = await Talk.open(world)
    const silent = (await talk.say('[[quirk no-usage]] hello')).body
    expect(silent.usage).toMatchObject({ prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 })
    expect(silent.usage.context_tokens).toBeGreaterThan(0)
    const [run] = (await world.ask('GET', `/v1/runs/?agent_id=${talk.agent}`)).body
    expect((await world.ask('GET', `/v1/runs/${run.id}/usage`)).body.total_tokens).toBe(0)
    const { body } = await talk.say(script({ calls: [note('x')], usage: [100, 10] }, { say: 'a' }))
    expect(body.usage.total_tokens).toBeGreaterThan(110)
  })

  it.each([{}, REASONER])('D-153: has its step and run on every piece: %o', async (more) => {
    const talk = await Talk.open(world, more)
    const turns = script({ think: 'Hm.', say: 'Wait.', calls: [note('x')] }, { say: 'Done.' })
    const pieces = (await talk.stream(turns, TOKENS)).filter(({ id }) => id !== undefined)
    expect(pieces.length).toBeGreaterThan(4)
    for (const { step_id, run_id } of pieces)
      expect([step_id, run_id]).toEqual([expect.stringMatching(/^step-/), expect.stringMatching(/^run-/)])
  })

  it('D-154: shows no hidden thinking before anything has come', async () => {
    const talk = await Talk.open(world, REASONER)
    const events = await talk.stream('[[error 400]] hello', TOKENS)
    expect(typesOf(events)).toEqual(['stop_reason', 'error_message', 'usage_statistics', '[DONE]'])
  })
})

type Claude = {
  url: string
  /** The stop reasons of the next answers, in order; then `end_turn`. */
  ends(...reasons: string[]): void
  /** How many were opened so far. */
  connections(): number
  close(): Promise<void>
}

/** Anthropic's API, for endings that the mock does not know. */
async function openClaude(): Promise<Claude> {
  let reasons: string[] = []
  let connections = 0
  const server = createServer((request, response) => {
    if (request.method === 'GET') return response.writeHead(404).end()
    return request.resume().once('end', () => sayAs(response, reasons.shift() ?? 'end_turn'))
  })
  server.on('connection', () => connections++)
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    ends: (...next) => {
      reasons = next
    },
    connections: () => connections,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}

function sayAs(response: ServerResponse, stop_reason: string): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const send = (type: string, more: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`)
  const usage = { input_tokens: 10, output_tokens: 5 }
  const head = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-haiku-4-5' }
  send('message_start', { message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage } })
  const said = stop_reason === 'tool_use' ? ['one', 'two'].map(callOf) : [TEXT]
  for (const [index, { block, delta }] of said.entries()) {
    send('content_block_start', { index, content_block: block })
    send('content_block_delta', { index, delta })
    send('content_block_stop', { index })
  }
  send('message_delta', { delta: { stop_reason, stop_sequence: null }, usage })
  send('message_stop', {})
  response.end()
}

const TEXT = { block: { type: 'text', text: '' }, delta: { type: 'text_delta', text: 'Well.' } }

function callOf(text: string) {
  const { name, args } = note(text)
  return {
    block: { type: 'tool_use', id: `toolu_${text}`, name, input: {} },
    delta: { type: 'input_json_delta', partial_json: JSON.stringify(args) },
  }
}
