import Letta from '@letta-ai/letta-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../test/http-world.ts'

let world: HttpWorld
let client: Letta
beforeAll(async () => {
  world = await openHttpWorld()
  client = new Letta({ baseURL: 'http://perdure.test', apiKey: 'none', fetch: world.fetch, maxRetries: 0 })
})
afterAll(() => world.close())

describe('the official client', () => {
  it('finds the server', async () => {
    expect(await client.health()).toEqual({ version: '0.16.8', status: 'ok' })
    expect((await client.models.list()).map((model) => model.handle)).toContain('openai-proxy/gpt-4o-mini')
    expect(await client.models.embeddings.list()).toHaveLength(1)
  })

  it('makes, reads, changes and deletes an agent', async () => {
    const { id } = await client.agents.create({
      model: 'openai-proxy/gpt-4o-mini',
      memory_blocks: [{ label: 'human', value: 'Ann' }],
      tags: ['client'],
    })
    expect((await client.agents.retrieve(id, { include: ['agent.tags'] })).tags).toEqual(['client'])
    expect((await client.agents.update(id, { description: 'd' })).description).toBe('d')
    await client.agents.delete(id)
    await expect(client.agents.retrieve(id)).rejects.toMatchObject({ status: 404 })
  })

  it('pages through everything', async () => {
    const body = { model: 'openai-proxy/gpt-4o-mini', tags: ['paged'] }
    for (let count = 0; count < 3; count++) await client.agents.create(body)
    const found: string[] = []
    for await (const agent of client.agents.list({ tags: ['paged'], limit: 1 })) found.push(agent.id)
    expect(new Set(found).size).toBe(3)
  })

  it('gives an agent blocks and tools, and takes them away', async () => {
    const { id } = await client.agents.create({ model: 'openai-proxy/gpt-4o-mini' })
    const block = await client.blocks.create({ label: 'notes', value: 'n' })
    expect((await client.agents.blocks.attach(block.id, { agent_id: id })).blocks).toHaveLength(1)
    expect((await client.agents.blocks.update('notes', { agent_id: id, value: 'm' })).value).toBe('m')
    expect((await client.agents.blocks.detach(block.id, { agent_id: id })).blocks).toHaveLength(0)
    const [tool] = (await client.tools.list({ name: 'memory_rethink' })).items
    if (!tool) throw new Error('the tool is not there')
    expect(await client.agents.tools.attach(tool.id, { agent_id: id })).toBeNull()
    await client.agents.tools.updateApproval('memory_rethink', { agent_id: id, body_requires_approval: true })
    expect((await client.agents.retrieve(id)).tool_rules).toMatchObject([{ type: 'requires_approval' }])
  })
})
