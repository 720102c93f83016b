import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MockProcess, startMockProcess } from '../../test/mock-process.ts'
import { MOCK_MODEL, openServerWorld, type ServerWorld } from '../../test/server-world.ts'

/**
 * One trouble of a provider has one meaning, whichever way a caller listens: the status and type of a blocking answer, the
 * error event of a stream, and what the run keeps. Also in the middle of an answer, where a stream has begun already.
 */
let mock: MockProcess
let world: ServerWorld
beforeAll(async () => {
  mock = await startMockProcess()
  world = await openServerWorld({
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: mock.url,
    GEMINI_API_KEY: 'k',
    GEMINI_BASE_URL: mock.url,
  })
})
afterAll(async () => {
  await world.close()
  await mock.stop()
})

const MODELS = [
  MOCK_MODEL,
  'openai-proxy/gpt-5-mini',
  'anthropic/claude-haiku-4-5',
  'google_ai/gemini-2.5-flash',
]

type Meaning = { status: number; type: string | null; event: string; stop: string }
const MEANINGS: Record<string, Meaning> = {
  '[[error 400]]': { status: 400, type: 'llm_bad_request', event: 'llm_error', stop: 'llm_api_error' },
  '[[error 401]]': {
    status: 401,
    type: 'llm_authentication',
    event: 'llm_authentication',
    stop: 'llm_api_error',
  },
  '[[error 403]]': { status: 500, type: 'llm_error', event: 'llm_error', stop: 'llm_api_error' },
  '[[error 429 after=600]]': {
    status: 429,
    type: 'llm_rate_limit',
    event: 'llm_rate_limit',
    stop: 'llm_api_error',
  },
  '[[error 402]]': {
    status: 402,
    type: 'llm_insufficient_credits',
    event: 'llm_error',
    stop: 'llm_api_error',
  },
  '[[error 504]]': { status: 504, type: 'llm_timeout', event: 'llm_timeout', stop: 'llm_api_error' },
  '[[error context]]': { status: 400, type: null, event: 'internal_error', stop: 'error' },
  '[[error 529 after=600]]': { status: 503, type: null, event: 'llm_error', stop: 'llm_api_error' },
}

describe.each(MODELS)('34: %s', (model) => {
  it.each(Object.entries(MEANINGS))('%s before the answer', async (trouble, meaning) => {
    const agent = await world.createAgent({ model, include_base_tools: false })
    const messages = [{ role: 'user', content: `${trouble} hello` }]
    const blocking = await world.ask('POST', `/v1/agents/${agent}/messages`, { messages })
    expect(blocking.status).toBe(meaning.status)
    if (meaning.type === null) expect(blocking.body).toHaveProperty('detail')
    else expect(blocking.body.error.type).toBe(meaning.type)
    for (const stream_tokens of [false, true]) {
      const frames = await streamed(agent, { messages, stream_tokens })
      expect(frames.map((frame) => frame.stop_reason ?? frame.error_type ?? frame.message_type)).toEqual([
        meaning.stop,
        meaning.event,
        'usage_statistics',
      ])
    }
    expect(await runsOf(agent)).toEqual(Array(3).fill(['failed', meaning.stop, meaning.event]))
  })

  it.each([
    ['[[error midstream]]', 'llm_api_error'],
    ['[[error cutoff]]', 'llm_api_error'],
    ['[[error malformed]]', 'invalid_llm_response'],
  ])('%s in the middle of the answer', async (trouble, stop) => {
    const agent = await world.createAgent({ model, include_base_tools: false })
    const content = `${trouble} [[say A story that ends too early for its reader.]]`
    const frames = await streamed(agent, { messages: [{ role: 'user', content }], stream_tokens: true })
    expect(frames.some(({ message_type }) => message_type === 'assistant_message')).toBe(true)
    expect(
      frames.slice(-3).map((frame) => frame.stop_reason ?? frame.error_type ?? frame.message_type),
    ).toEqual([stop, 'llm_error', 'usage_statistics'])
    expect(await runsOf(agent)).toEqual([['failed', stop, 'llm_error']])
    const next = await world.ask('POST', `/v1/agents/${agent}/messages`, {
      messages: [{ role: 'user', content: '[[say Fine again.]]' }],
    })
    expect(next.body.messages.at(-1).content).toBe('Fine again.')
  })
})

type WireFrame = { message_type: string; stop_reason?: string; error_type?: string }

/** The frames of a stream that ends as it should, without pings. */
async function streamed(agent: string, body: object): Promise<WireFrame[]> {
  const response = await fetch(`${world.url}/v1/agents/${agent}/messages/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' },
    body: JSON.stringify(body),
  })
  const data = [...(await response.text()).matchAll(/^data: (.*)$/gm)].map(([, text]) => text ?? '')
  expect(data.at(-1)).toBe('[DONE]')
  const frames = data.slice(0, -1).map((text) => JSON.parse(text) as WireFrame)
  return frames.filter(({ message_type }) => message_type !== 'ping')
}

async function runsOf(agent: string): Promise<unknown[]> {
  const { body } = await world.ask('GET', `/v1/runs/?agent_id=${agent}`)
  return (body as { status: string; stop_reason: string; metadata: { error: { error_type: string } } }[]).map(
    (run) => [run.status, run.stop_reason, run.metadata.error.error_type],
  )
}
