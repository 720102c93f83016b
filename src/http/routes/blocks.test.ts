import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../../test/http-world.ts'

const NOBODY = 'block-00000000-0000-4000-8000-0000000000aa'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld()
})
afterAll(() => world.close())

const create = async (body: object) => (await world.ask('POST', '/v1/blocks/', { ...body })).body
const agentWith = async (labels: string[]) => {
  const blocks = labels.map((label) => ({ label, value: `${label} of the agent` }))
  const body = { model: 'openai-proxy/gpt-4o-mini', memory_blocks: blocks }
  return (await world.ask('POST', '/v1/agents/', body)).body
}

describe('a block', () => {
  it('is shown with all its fields, those that were not given at their defaults', async () => {
    expect(await create({ label: 'notes' })).toEqual({
      value: '',
      limit: 100_000,
      project_id: null,
      template_name: null,
      is_template: false,
      template_id: null,
      base_template_id: null,
      deployment_id: null,
      entity_id: null,
      preserve_on_migration: false,
      label: 'notes',
      read_only: false,
      description: null,
      metadata: {},
      hidden: null,
      id: expect.stringMatching(/^block-/),
      created_by_id: null,
      last_updated_by_id: null,
      tags: [],
      version: 1,
    })
  })

  it('keeps every value that it had', async () => {
    const { id } = await create({ label: 'notes', value: 'one' })
    await world.ask('PATCH', `/v1/blocks/${id}`, { value: 'two' })
    await world.ask('PATCH', `/v1/blocks/${id}`, { value: 'three', description: 'd' })
    const rows = await world.db
      .selectFrom('block_history')
      .where('block_id', '=', id)
      .orderBy('version')
      .select(['version', 'value', 'writer'])
      .execute()
    expect(rows.map(({ version, value }) => [version, value])).toEqual([
      [1, 'one'],
      [2, 'two'],
      [3, 'three'],
    ])
    expect(rows[0]?.writer).toMatch(/^user-/)
  })

  it('is not written by a change that changes nothing', async () => {
    const { id } = await create({ label: 'notes', value: 'same', metadata: { a: 1, b: 2 } })
    const { body } = await world.ask('PATCH', `/v1/blocks/${id}`, { value: 'same', metadata: { b: 2, a: 1 } })
    expect(body.version).toBe(1)
  })

  it('loses with null what it can be without, and only that', async () => {
    const { id } = await create({ label: 'notes', value: 'v', description: 'd', limit: 5 })
    const { body } = await world.ask('PATCH', `/v1/blocks/${id}`, {
      description: null,
      value: null,
      limit: null,
    })
    expect(body).toMatchObject({ description: null, value: 'v', limit: 5 })
  })

  it('R-18: is written over only as the version that was seen, when the writer says which', async () => {
    const { id } = await create({ label: 'notes', value: 'v' })
    const write = (value: string, version: string) =>
      world.ask('PATCH', `/v1/blocks/${id}`, { value }, { 'if-match': version })
    expect((await write('w', '"1"')).body).toMatchObject({ value: 'w', version: 2 })
    expect(await write('x', '"1"')).toMatchObject({
      status: 409,
      body: { detail: expect.stringContaining('version 2') },
    })
    expect((await write('x', 'latest')).status).toBe(400)
  })

  it('that is deleted is gone from its agents', async () => {
    const agent = await agentWith(['human'])
    expect(await world.ask('DELETE', `/v1/blocks/${agent.blocks[0].id}`)).toMatchObject({
      status: 200,
      body: null,
    })
    expect((await world.ask('GET', `/v1/agents/${agent.id}/core-memory`)).body.blocks).toEqual([])
    expect((await world.ask('DELETE', `/v1/blocks/${agent.blocks[0].id}`)).status).toBe(404)
  })

  it.each([
    [{}, 'missing'],
    [{ label: 5 }, 'string_type'],
    [{ label: 'x', limit: -1 }, 'greater_than_equal'],
    [{ label: 'x', metadata: [] }, 'dict_type'],
  ])('is not made from %j', async (body, type) => {
    const answer = await world.ask('POST', '/v1/blocks/', body)
    expect(answer).toMatchObject({
      status: 422,
      body: { detail: expect.stringContaining(`'type': '${type}'`) },
    })
  })
})

describe('lists of blocks', () => {
  beforeAll(async () => {
    await create({ label: 'list-a', value: 'an apple', description: 'a fruit', tags: ['x', 'y'] })
    await create({ label: 'list-b', value: 'a pear', tags: ['x'] })
    await create({ label: 'list-b', value: 'a plum', is_template: true, template_name: 'tmpl', tags: ['x'] })
    await create({ label: 'list-c', value: 'hidden', hidden: true, tags: ['x'] })
  })

  it.each([
    ['label=list-a', ['an apple']],
    ['label=list-b&templates_only=true', ['a plum']],
    ['name=tmpl', []],
    ['label_search=LIST-', ['an apple', 'a pear']],
    ['label_search=list-&show_hidden_blocks=true', ['an apple', 'a pear', 'hidden']],
    ['label_search=list-&order=desc', ['a pear', 'an apple']],
    ['label_search=list-&limit=1', ['an apple']],
    ['value_search=pear', ['a pear']],
    ['description_search=fruit', ['an apple']],
    ['tags=x', ['an apple', 'a pear']],
    ['tags=x&tags=y&match_all_tags=true', ['an apple']],
    ['tags=x&connected_to_agents_count_eq=0', ['an apple', 'a pear']],
    ['tags=x&connected_to_agents_count_gt=0', []],
    ['tags=x&connected_to_agents_count_lt=1', ['an apple', 'a pear']],
  ])('%s', async (query, values) => {
    const { body } = await world.ask('GET', `/v1/blocks/?${query}`)
    expect(body.map((block: { value: string }) => block.value)).toEqual(values)
  })

  it('are counted by the same filters', async () => {
    expect((await world.ask('GET', '/v1/blocks/count?tags=x')).body).toBe(2)
  })

  it('show their tags among the others', async () => {
    expect((await world.ask('GET', '/v1/tags/')).body).toEqual(['x', 'y'])
    expect((await world.ask('GET', '/v1/tags/?after=x')).body).toEqual(['y'])
    expect((await world.ask('GET', '/v1/tags/?name=Y')).body).toEqual(['y'])
  })
})

describe('the blocks of an agent', () => {
  it('are found and changed by their labels', async () => {
    const agent = await agentWith(['human', 'notes/today'])
    const path = `/v1/agents/${agent.id}/core-memory/blocks`
    expect((await world.ask('GET', `${path}/human`)).body.value).toBe('human of the agent')
    expect((await world.ask('PATCH', `${path}/notes%2Ftoday`, { value: 'new' })).body.value).toBe('new')
    expect(await world.ask('GET', `${path}/none`)).toMatchObject({
      status: 404,
      body: { detail: `No block with label 'none' found for agent '${agent.id}'` },
    })
  })

  it('are listed in the order of their attachment, by pages', async () => {
    const agent = await agentWith(['a', 'b', 'c'])
    const list = async (query: string) =>
      (await world.ask('GET', `/v1/agents/${agent.id}/core-memory/blocks?${query}`)).body.map(
        (block: { label: string }) => block.label,
      )
    expect(await list('order=asc')).toEqual(['a', 'b', 'c'])
    expect(await list(`order=asc&limit=1&after=${agent.blocks[0].id}`)).toEqual(['b'])
    expect(await list(`limit=1&before=${agent.blocks[0].id}`)).toEqual(['b'])
  })

  it('have one label each', async () => {
    const agent = await agentWith(['human', 'persona'])
    const other = await create({ label: 'human', value: 'other' })
    const path = `/v1/agents/${agent.id}/core-memory/blocks`
    expect((await world.ask('PATCH', `${path}/attach/${other.id}`)).status).toBe(409)
    expect((await world.ask('PATCH', `${path}/persona`, { label: 'human' })).status).toBe(409)
    expect((await world.ask('GET', `${path}/persona`)).status).toBe(200)
  })

  it('keep their labels when they are told to have none', async () => {
    const agent = await agentWith(['human'])
    const path = `/v1/agents/${agent.id}/core-memory/blocks/human`
    const { id } = (await world.ask('GET', path)).body
    for (const [target, value] of [
      [`/v1/blocks/${id}`, 'one'],
      [path, 'two'],
    ]) {
      const { status, body } = await world.ask('PATCH', target as string, {
        label: null,
        value: value as string,
      })
      expect([status, body.label, body.value]).toEqual([200, 'human', value])
    }
    expect((await world.ask('GET', path)).body).toMatchObject({ label: 'human', value: 'two' })
    await world.ask('PATCH', `/v1/agents/${agent.id}/core-memory/blocks/detach/${id}`)
    expect((await world.ask('PATCH', `/v1/blocks/${id}`, { label: null })).body.label).toBeNull()
  })

  it('come and go, and may be shared', async () => {
    const [one, two] = [await agentWith([]), await agentWith([])]
    const shared = await create({ label: 'shared', value: 's' })
    const attach = (id: string) =>
      world.ask('PATCH', `/v1/agents/${id}/core-memory/blocks/attach/${shared.id}`)
    await attach(one.id)
    expect((await attach(two.id)).body.blocks).toMatchObject([{ id: shared.id }])
    expect((await attach(two.id)).body.blocks).toHaveLength(1)
    const holders = (await world.ask('GET', `/v1/blocks/${shared.id}/agents?order=asc`)).body
    expect(holders.map((agent: { id: string }) => agent.id)).toEqual([one.id, two.id])
    const detach = () => world.ask('PATCH', `/v1/agents/${one.id}/core-memory/blocks/detach/${shared.id}`)
    expect((await detach()).body.blocks).toEqual([])
    expect((await detach()).status).toBe(404)
  })

  it('must be there to be attached', async () => {
    const agent = await agentWith([])
    expect(
      (await world.ask('PATCH', `/v1/agents/${agent.id}/core-memory/blocks/attach/${NOBODY}`)).status,
    ).toBe(404)
    expect((await world.ask('PATCH', `/v1/agents/${agent.id}/core-memory/blocks/attach/bad`)).status).toBe(
      422,
    )
  })
})
