import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../../test/http-world.ts'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld()
})
afterAll(() => world.close())

type Shown = { id: string; content: string }

const create = async (body: object = {}) =>
  (await world.ask('POST', '/v1/agents/', { model: 'openai-proxy/gpt-4o-mini', system: 'old', ...body })).body
const list = async (path: string): Promise<Shown[]> => (await world.ask('GET', path)).body

describe('a system message', () => {
  it('is shown as it would be read now, to whoever lists or gets messages of any agent', async () => {
    const changed = await create()
    const left = await create()
    const slow = await create({ prompt_refresh: 'deferred' })
    const conversation = (await world.ask('POST', `/v1/conversations/?agent_id=${changed.id}`, {})).body
    for (const { id } of [changed, slow]) await world.ask('PATCH', `/v1/agents/${id}`, { system: 'fresh' })
    const inConversation = await list(`/v1/conversations/${conversation.id}/messages`)
    expect(inConversation[0]?.content).toMatch(/^fresh\b/)
    const shown = new Map((await list('/v1/messages/?limit=500')).map(({ id, content }) => [id, content]))
    for (const [id, text] of [
      [changed.message_ids[0], /^fresh\b.*CONVERSATION_ID: default/s],
      [inConversation[0]?.id, new RegExp(`^fresh\\b.*CONVERSATION_ID: ${conversation.id}`, 's')],
      [left.message_ids[0], /^old\b/],
      [slow.message_ids[0], /^old\b/],
    ]) {
      expect(shown.get(id)).toMatch(text)
      expect((await list(`/v1/messages/${id}`))[0]?.content).toMatch(text)
    }
  })
})

describe('the messages of an agent', () => {
  it.each(['before', 'after'])('are not listed %s what is not among them', async (side) => {
    const [agent, other] = [await create(), await create()]
    const path = `/v1/agents/${agent.id}/messages?${side}`
    for (const cursor of [other.message_ids[0], 'bad', 'message-00000000-0000-4000-8000-0000000000aa']) {
      expect(await world.ask('GET', `${path}=${cursor}`)).toMatchObject({
        status: 404,
        body: { detail: `No message found with id '${cursor}' for agent '${agent.id}'.` },
      })
    }
    expect((await world.ask('GET', `${path}=${agent.message_ids[0]}`)).body).toEqual([])
  })

  it('are those of the conversation that is named', async () => {
    const agent = await create()
    const conversation = (await world.ask('POST', `/v1/conversations/?agent_id=${agent.id}`, {})).body
    const [first] = await list(`/v1/conversations/${conversation.id}/messages`)
    const [own] = agent.message_ids
    for (const [query, ids] of [
      ['', [own, first?.id]],
      ['?conversation_id=', [own, first?.id]],
      ['?conversation_id=default', [own]],
      [`?conversation_id=${conversation.id}`, [first?.id]],
      ['?conversation_id=bad', []],
      [`?conversation_id=${agent.id}`, []],
    ]) {
      const shown = await list(`/v1/agents/${agent.id}/messages${query}`)
      expect(shown.map(({ id }) => id)).toEqual(ids)
    }
  })
})
