import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../../test/http-world.ts'

let world: HttpWorld
let agentId: string
beforeAll(async () => {
  world = await openHttpWorld()
  agentId = (await world.ask('POST', '/v1/agents/', { model: 'openai-proxy/gpt-4o-mini' })).body.id
})
afterAll(() => world.close())

const hello = [{ role: 'user', content: 'hello' }]

describe('a chat completion', () => {
  it.each([
    ['without a stream', () => ({ model: agentId, messages: hello }), 400, 'Please set stream=true'],
    ['where the user says nothing', () => ({ model: agentId, messages: [] }), 400, 'No user message found'],
    ['of a model that is no agent', () => ({ model: 'gpt-4o', messages: hello }), 400, "Received: 'gpt-4o'"],
    [
      'of an agent that is not there',
      () => ({ model: 'agent-00000000-0000-4000-8000-0000000000aa', messages: hello }),
      404,
      'not found',
    ],
    ['of nothing', () => ({}), 422, "('body', 'model')"],
  ])('%s is refused', async (_, body, status, detail) => {
    expect(await world.ask('POST', '/v1/chat/completions', body())).toMatchObject({
      status,
      body: { detail: expect.stringContaining(detail) },
    })
  })
})

describe('a search of messages', () => {
  it.each(['/v1/messages/search', '/v1/agents/messages/search'])(
    'is refused in the words that clients know: %s',
    async (path) => {
      expect(await world.ask('POST', path, { query: 'tea', agent_id: agentId })).toMatchObject({
        status: 400,
        body: { detail: expect.stringContaining('Message search requires') },
      })
      expect((await world.ask('POST', path, { query: 'tea', search_mode: 'x' })).status).toBe(422)
      expect((await world.ask('POST', path, { query: 'tea', limit: 101 })).status).toBe(422)
    },
  )
})
