import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../../test/http-world.ts'

const NOBODY = 'tool-00000000-0000-4000-8000-0000000000aa'
const OLD = { 'x-stainless-package-version': '', 'user-agent': 'letta-client/0.1.0' }

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld()
})
afterAll(() => world.close())

const toolNamed = async (name: string) => (await world.ask('GET', `/v1/tools/?name=${name}`)).body[0]
const newAgent = async () =>
  (await world.ask('POST', '/v1/agents/', { model: 'openai-proxy/gpt-4o-mini' })).body

describe('the built-in tools', () => {
  it('are there as soon as somebody asks, once each', async () => {
    const { body } = await world.ask('GET', '/v1/tools/?return_only_letta_tools=true&limit=0')
    const names = body.map((tool: { name: string }) => tool.name)
    expect(names).toContain('memory_insert')
    expect(new Set(names).size).toBe(names.length)
    await world.ask('POST', '/v1/tools/add-base-tools')
    expect((await world.ask('GET', '/v1/tools/count')).body).toBe(names.length)
    expect((await world.ask('GET', '/v1/tools/count?exclude_letta_tools=true')).body).toBe(0)
  })

  it('are shown with their schema and without source', async () => {
    expect(await toolNamed('memory_insert')).toMatchObject({
      tool_type: 'letta_sleeptime_core',
      tags: ['letta_sleeptime_core'],
      source_type: 'python',
      source_code: null,
      return_char_limit: 50_000,
      json_schema: { name: 'memory_insert', parameters: { type: 'object', required: expect.any(Array) } },
      metadata_: {},
    })
  })

  it('keep what a user has set when they are brought up to date', async () => {
    const tool = await toolNamed('web_search')
    const change = {
      return_char_limit: 100,
      default_requires_approval: true,
      json_schema: { name: 'stolen' },
    }
    expect((await world.ask('PATCH', `/v1/tools/${tool.id}`, change)).body).toMatchObject({
      name: 'web_search',
      return_char_limit: 100,
    })
    await world.db.updateTable('tools').set({ json_schema: '{}' }).where('name', '=', 'web_search').execute()
    await world.ask('POST', '/v1/tools/add-base-tools')
    expect(await toolNamed('web_search')).toMatchObject({
      json_schema: { name: 'web_search' },
      return_char_limit: 100,
      default_requires_approval: true,
    })
  })

  it.each([
    ['search=MEMORY_F', ['memory_finish_edits']],
    ['names=memory_insert&names=memory_replace', ['memory_insert', 'memory_replace']],
    ['tool_types=letta_memory_core&search=core', ['core_memory_append', 'core_memory_replace']],
    ['search=core_memory&exclude_tool_types=letta_memory_core', []],
  ])('are found by %s', async (query, expected) => {
    const { body } = await world.ask('GET', `/v1/tools/?${query}`)
    expect(body.map((tool: { name: string }) => tool.name).toSorted()).toEqual(expected)
  })
})

describe('a tool', () => {
  it('that is deleted is gone from its agents', async () => {
    const agent = await newAgent()
    const tool = await toolNamed('memory_replace')
    expect(await world.ask('DELETE', `/v1/tools/${tool.id}`)).toMatchObject({ status: 200, body: null })
    expect((await world.ask('GET', `/v1/tools/${tool.id}`)).status).toBe(404)
    expect((await world.ask('DELETE', `/v1/tools/${tool.id}`)).status).toBe(404)
    const { body } = await world.ask('GET', `/v1/agents/${agent.id}/tools`)
    expect(body.map((other: { name: string }) => other.name)).not.toContain('memory_replace')
  })

  it('cannot be made yet, and the answer says so', async () => {
    expect(await world.ask('POST', '/v1/tools/', { source_code: 'def f(): pass' })).toMatchObject({
      status: 501,
      body: { detail: 'Custom tools are not available in this version of Perdure' },
    })
    expect((await world.ask('POST', '/v1/tools/', {})).status).toBe(422)
  })
})

describe('the tools of an agent', () => {
  it('come and go; new clients are answered null, old ones with the agent', async () => {
    const agent = await newAgent()
    const tool = await toolNamed('memory_rethink')
    const path = `/v1/agents/${agent.id}/tools`
    expect((await world.ask('PATCH', `${path}/attach/${tool.id}`)).body).toBeNull()
    const again = await world.ask('PATCH', `${path}/attach/${tool.id}`, undefined, OLD)
    expect(again.body.tools.filter((other: { id: string }) => other.id === tool.id)).toHaveLength(1)
    expect((await world.ask('GET', `${path}?limit=1`)).body).toMatchObject([{ id: tool.id }])
    expect((await world.ask('PATCH', `${path}/detach/${tool.id}`)).body).toBeNull()
    expect((await world.ask('GET', path)).body).not.toContainEqual(expect.objectContaining({ id: tool.id }))
    expect((await world.ask('PATCH', `${path}/attach/${NOBODY}`)).status).toBe(404)
  })

  it('need an approval when the tool or the user says so', async () => {
    const agent = await newAgent()
    const rules = async () => (await world.ask('GET', `/v1/agents/${agent.id}`)).body.tool_rules
    const path = `/v1/agents/${agent.id}/tools`
    const tool = await toolNamed('fetch_webpage')
    await world.ask('PATCH', `/v1/tools/${tool.id}`, { default_requires_approval: true })
    await world.ask('PATCH', `${path}/attach/${tool.id}`)
    expect(await rules()).toEqual([
      { type: 'requires_approval', tool_name: 'fetch_webpage', prompt_template: null },
    ])
    await world.ask('PATCH', `${path}/approval/memory_insert`, { body_requires_approval: true })
    await world.ask('PATCH', `${path}/approval/fetch_webpage?requires_approval=false`)
    expect(await rules()).toMatchObject([{ tool_name: 'memory_insert' }])
    expect(await world.ask('PATCH', `${path}/approval/memory_insert`)).toMatchObject({
      status: 422,
      body: { detail: expect.stringContaining('requires_approval must be provided') },
    })
    expect((await world.ask('PATCH', `${path}/approval/x`, { nope: 1 })).status).toBe(422)
  })
})
