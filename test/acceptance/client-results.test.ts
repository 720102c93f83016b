import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json, JsonObject } from '../../src/domain/json.ts'
import { type MockLlm, startMockLlm } from '../mock-llm/server.mjs'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { call, script, Talk, type Turn } from './talk.ts'

/** What a client answers to a call of its tool, as the model gets to read it, in each provider's format. */
let world: ServerWorld
let mock: MockLlm
beforeAll(async () => {
  mock = await startMockLlm()
  world = await openServerWorld({
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: mock.url,
    GEMINI_API_KEY: 'k',
    GEMINI_BASE_URL: mock.url,
    OPENAI_BASE_URL: `${mock.url}/v1`,
  })
})
afterAll(async () => {
  await world.close()
  await mock.close()
})

const CLAUDE = 'anthropic/claude-haiku-4-5'
const MODELS = ['openai-proxy/gpt-4o-mini', 'openai-proxy/gpt-5-mini', CLAUDE, 'google_ai/gemini-2.5-flash']
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const IMAGE = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PIXEL } }
const TOOLS = {
  client_tools: [
    { name: 'fetch_it', description: 'Fetches.', parameters: { type: 'object', properties: {} } },
  ],
}

describe.each(MODELS)('a call that failed at the client, with %s', (model) => {
  it.each([
    ['texts', []],
    ['texts and an image', [IMAGE]],
  ])('acceptance 18: has failed for the model and in the list, told in %s', async (_, images) => {
    const asked = await ask(model)
    const { body } = await asked.answer([{ type: 'text', text: `No file ${asked.id}` }, ...images], 'error')
    expect(body.stop_reason.stop_reason).toBe('end_turn')
    const [request, ...more] = requestsWith(`No file ${asked.id}`)
    expect(more).toEqual([])
    expect(request).toContain('This call failed.')
    expect(request).not.toContain('successfully')
    if (model === CLAUDE) expect(request).toContain('"is_error":true')
    // Chat takes no images in results.
    if (images.length > 0) expect(request).toContain(model === MODELS[0] ? '[Image omitted]' : PIXEL)
    const returned = (await asked.talk.list()).find(
      ({ message_type: type }) => type === 'tool_return_message',
    )
    expect(returned).toMatchObject({ status: 'error', tool_returns: [{ status: 'error' }] })
  })
})

describe('a result at which the provider refused', () => {
  it('R-21: for want of credit is read when there is credit again', async () => {
    const asked = await ask(CLAUDE, { error: 'quota' })
    const text = `the answer is 42 ${asked.id}`
    expect((await asked.answer([{ type: 'text', text }, IMAGE], 'success')).status).toBe(400)
    expect(requestsWith(text)).toHaveLength(1)
    await asked.talk.say(`and now? ${asked.id}`)
    const [request] = requestsWith(`and now? ${asked.id}`)
    expect(request).toContain(text)
    expect(request).toContain(PIXEL)
  })

  it('R-21: as bad stays left out', async () => {
    const asked = await ask(CLAUDE, { error: '400' })
    const text = `the answer is 42 ${asked.id}`
    expect((await asked.answer(text, 'success')).status).toBe(400)
    await asked.talk.say(`and now? ${asked.id}`)
    const [request] = requestsWith(`and now? ${asked.id}`)
    expect(request).not.toContain(text)
    expect(request).toContain('left out')
  })
})

/** An agent whose model has called the client's tool, and what it does once it is answered. */
async function ask(model: string, ...then: Turn[]) {
  const talk = await Talk.open(world, { model })
  const { body } = await talk.say(script({ calls: [call('fetch_it', {})] }, ...then), TOOLS)
  const [request] = body.messages.slice(-1)
  const id: string = request.tool_calls[0].tool_call_id
  const answer = (tool_return: Json, status: string) =>
    talk.answer([{ type: 'tool', tool_call_id: id, tool_return, status }], TOOLS)
  return { talk, id, answer }
}

function requestsWith(text: string): string[] {
  return mock.log({ contains: text }).map(({ body }) => JSON.stringify(body as JsonObject))
}
