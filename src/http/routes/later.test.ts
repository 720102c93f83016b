import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../../test/http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld()
})
afterAll(() => world.close())

describe('what is not there yet', () => {
  it('is refused with the reason', async () => {
    expect(await world.ask('POST', '/v1/archives/', { name: 'a' })).toMatchObject({
      status: 501,
      body: { detail: 'Archives are not available in this version of Perdure' },
    })
    expect((await world.ask('POST', '/v1/templates', {})).status).toBe(501)
    expect((await world.ask('POST', '/v1/agents/import')).status).toBe(501)
  })

  it('reads as empty, because nothing of it exists', async () => {
    expect((await world.ask('GET', '/v1/archives/')).body).toEqual([])
    expect((await world.ask('GET', '/v1/folders/count')).body).toBe(0)
    const unknown = await world.ask('GET', '/v1/identities/identity-00000000-0000-4000-8000-0000000000aa')
    expect(unknown).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('Identity not found') },
    })
  })

  it('checks what it is sent', async () => {
    expect((await world.ask('GET', '/v1/folders/?limit=x')).status).toBe(422)
    expect(await world.ask('GET', '/v1/sources/not-an-id')).toMatchObject({
      status: 422,
      body: { examples: ['source-123e4567-e89b-42d3-8456-426614174000'] },
    })
    expect((await world.send('POST', '/v1/groups/', '{')).status).toBe(422)
    expect((await world.ask('POST', '/v1/groups/', 'text')).status).toBe(422)
    expect(
      (await world.ask('GET', '/v1/agents/agent-00000000-0000-4000-8000-0000000000aa/folders')).status,
    ).toBe(404)
  })

  it('has a status of its own where it will never come back', async () => {
    const id = (await world.ask('POST', '/v1/agents/', { model: 'openai-proxy/gpt-4o-mini' })).body.id
    const message = 'message-00000000-0000-4000-8000-0000000000aa'
    expect((await world.ask('PATCH', `/v1/agents/${id}/messages/${message}`, {})).status).toBe(405)
    expect((await world.ask('POST', `/v1/voice-beta/${id}/chat/completions`, {})).status).toBe(410)
  })
})
