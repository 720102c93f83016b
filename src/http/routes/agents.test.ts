import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../../test/http-world.ts'

const MODEL = 'openai-proxy/gpt-4o-mini'
const NOBODY = 'agent-00000000-0000-4000-8000-0000000000aa'

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld()
})
afterAll(() => world.close())

const create = async (body: object = {}) =>
  (await world.ask('POST', '/v1/agents/', { model: MODEL, ...body })).body
const patch = (id: string, body: object) => world.ask('PATCH', `/v1/agents/${id}`, { ...body })

describe('a new agent', () => {
  it('has the tools of its kind, a name, and its prompt as the first message', async () => {
    const agent = await create({ memory_blocks: [{ label: 'human', value: 'Ann' }] })
    expect(agent.tools.map((tool: { name: string }) => tool.name).toSorted()).toEqual([
      'conversation_search',
      'memory_insert',
      'memory_replace',
    ])
    expect(agent).toMatchObject({
      agent_type: 'letta_v1_agent',
      name: expect.stringMatching(/^\w+ \w+$/),
      model: MODEL,
      tool_rules: [],
      timezone: 'UTC',
      max_files_open: 10,
      message_ids: [expect.stringMatching(/^message-/)],
      compaction_settings: { mode: 'sliding_window', clip_chars: 50_000, model: 'openai/gpt-5-mini' },
      llm_config: { enable_reasoner: false, put_inner_thoughts_in_kwargs: false, context_window: 128_000 },
    })
    expect(agent.blocks).toMatchObject([{ label: 'human', description: expect.stringContaining('person') }])
    expect(agent.memory.blocks).toEqual(agent.blocks)
  })

  it('reads the blocks that were there before its own new ones', async () => {
    const shared = (await world.ask('POST', '/v1/blocks/', { label: 'shared', value: 'ours' })).body
    const agent = await create({
      memory_blocks: [{ label: 'human', value: 'Ann' }],
      block_ids: [shared.id],
    })
    const [{ content }] = (await world.ask('GET', `/v1/agents/${agent.id}/messages?limit=1`)).body
    expect(content.indexOf('<shared>')).toBeGreaterThan(0)
    expect(content.indexOf('<shared>')).toBeLessThan(content.indexOf('<human>'))
  })

  it('of an older kind has greeted already', async () => {
    const agent = await create({ agent_type: 'memgpt_v2_agent' })
    expect(agent.message_ids).toHaveLength(4)
    expect(agent.tool_rules).toContainEqual({
      type: 'exit_loop',
      tool_name: 'send_message',
      prompt_template: null,
    })
    expect(agent.llm_config).toMatchObject({ enable_reasoner: true, put_inner_thoughts_in_kwargs: true })
  })

  it('begins with the messages that it is given', async () => {
    const agent = await create({
      initial_message_sequence: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: 'hello' },
      ],
    })
    expect(agent.message_ids).toHaveLength(3)
    expect(
      (await create({ agent_type: 'memgpt_v2_agent', initial_message_sequence: [] })).message_ids,
    ).toHaveLength(1)
  })

  it('thinks when its model can', async () => {
    expect((await create({ model: 'anthropic/claude-haiku-4-5' })).llm_config).toMatchObject({
      enable_reasoner: true,
      max_reasoning_tokens: 1_024,
    })
    expect(
      (await create({ model: 'anthropic/claude-haiku-4-5', reasoning: false })).llm_config,
    ).toMatchObject({
      enable_reasoner: false,
      max_reasoning_tokens: 0,
    })
    expect((await create({ model: 'openai-proxy/gpt-5-mini' })).llm_config.reasoning_effort).toBe('minimal')
  })

  it('takes the first of two blocks with one label', async () => {
    const blocks = [
      { label: 'human', value: 'a' },
      { label: 'human', value: 'b' },
    ]
    expect((await create({ memory_blocks: blocks })).blocks).toMatchObject([{ value: 'a' }])
  })

  it('is hidden when a client made it for itself', async () => {
    expect((await create({ tags: ['role:subagent'] })).hidden).toBe(true)
  })

  it.each([
    [{ model: null }, 400, 'INVALID_ARGUMENT: Must specify either model or llm_config in request'],
    [{ model: 'openai/none' }, 404, 'NOT_FOUND: Handle openai/none not found, must be one of []'],
    [{ model: 'openai-proxy/none' }, 404, 'openai-proxy/gpt-4o-mini, openai-proxy/gpt-5-mini'],
    [{ embedding: 'openai/none' }, 400, 'Embedding model openai/none not found'],
    [{ tools: ['nope', 'memory'] }, 400, "Tools not found by name: {'nope'}"],
    [{ block_ids: ['block-00000000-0000-4000-8000-0000000000aa'] }, 404, 'not found'],
    [{ context_window_limit: 1_000_000 }, 400, 'greater than'],
    [{ name: 'a/b' }, 422, 'string_pattern_mismatch'],
    [{ timezone: 'Mars/Olympus' }, 422, 'time zone'],
    [{ agent_type: 'nope' }, 422, 'literal_error'],
    [{ tool_rules: [{ type: 'exit_loop', tool_name: 'x', extra: 1 }] }, 422, 'extra_forbidden'],
    [{ model_settings: { temperature: 1 } }, 422, 'union_tag_invalid'],
    [{ agent_type: 'split_thread_agent' }, 400, 'split_thread_agent'],
    [{ agent_type: 'voice_convo_agent' }, 501, 'Voice agents are not available'],
    [{ agent_type: 'voice_sleeptime_agent', enable_sleeptime: true }, 501, 'Voice agents'],
    [{ folder_ids: ['source-1'] }, 501, 'Folders are not available'],
    [{ max_files_open: 1_001 }, 400, 'max_files_open must be at most 1000, not 1001'],
    [{ per_file_view_window_char_limit: 2 ** 31 }, 400, 'per_file_view_window_char_limit must be at most'],
  ])('is not made from %j', async (body, status, detail) => {
    const before = (await world.ask('GET', '/v1/agents/count')).body
    const answer = await world.ask('POST', '/v1/agents/', { model: MODEL, ...body })
    expect(answer).toMatchObject({ status, body: { detail: expect.stringContaining(detail) } })
    expect((await world.ask('GET', '/v1/agents/count')).body).toBe(before)
  })
})

describe('what is shown of an agent', () => {
  it('is little, unless a client asks for more', async () => {
    const { id } = await create({
      tags: ['t'],
      memory_blocks: [{ label: 'human', value: '' }],
      secrets: { A: 'sesame' },
    })
    const bare = (await world.ask('GET', `/v1/agents/${id}`)).body
    expect(bare).toMatchObject({
      tools: [],
      blocks: [],
      tags: [],
      secrets: [],
      message_ids: [expect.any(String)],
    })
    const full = (await world.ask('GET', `/v1/agents/${id}?include=agent.blocks&include=agent.secrets`)).body
    expect(full).toMatchObject({ tags: ['t'], blocks: [{ label: 'human' }], tools: [] })
    expect(full.secrets).toMatchObject([{ key: 'A', value: 'sesame' }])
    expect(full.secrets[0].value_enc).not.toContain('sesame')
  })

  it('is all to an old client, unless it asks for less', async () => {
    const { id } = await create({ tags: ['t'] })
    const old = { 'x-stainless-package-version': '', 'user-agent': 'letta-client/0.1.0' }
    const ask = async (query: string) =>
      (await world.ask('GET', `/v1/agents/${id}${query}`, undefined, old)).body
    expect(await ask('')).toMatchObject({ tags: ['t'], tools: [{}, {}, {}] })
    expect(await ask('?include_relationships=tags')).toMatchObject({ tags: ['t'], tools: [] })
    expect(await ask('?include_relationships=')).toMatchObject({ tags: [], tools: [] })
  })

  it('is nothing when it is not there', async () => {
    expect(await world.ask('GET', `/v1/agents/${NOBODY}`)).toMatchObject({
      status: 404,
      body: { detail: `Agent with ID ${NOBODY} not found` },
    })
    expect(await world.ask('GET', '/v1/agents/agent-1')).toMatchObject({
      status: 422,
      body: { examples: ['agent-123e4567-e89b-42d3-8456-426614174000'] },
    })
  })
})

describe('a change', () => {
  it('touches what it names', async () => {
    const agent = await create({ description: 'before', metadata: { a: 1 } })
    const { body } = await patch(agent.id, { metadata: { b: 2 }, tags: ['x'], hidden: true })
    expect(body).toMatchObject({ description: 'before', metadata: { b: 2 }, tags: ['x'], hidden: true })
    expect(body.llm_config).toEqual(agent.llm_config)
  })

  it('clears with null what an agent can be without, and only that', async () => {
    const agent = await create({
      description: 'd',
      response_format: { type: 'text' },
      name: 'keep',
      system: 'keep',
    })
    const { body } = await patch(agent.id, {
      description: null,
      response_format: null,
      name: null,
      system: null,
      model: null,
      tags: null,
    })
    expect(body).toMatchObject({
      description: null,
      response_format: null,
      name: 'keep',
      system: 'keep',
      model: MODEL,
    })
  })

  it('of the model brings the summariser along', async () => {
    const agent = await create()
    const { body } = await patch(agent.id, { model: 'anthropic/claude-haiku-4-5' })
    expect(body.llm_config).toMatchObject({
      model: 'claude-haiku-4-5',
      max_tokens: 8_192,
      context_window: 128_000,
    })
    expect(body.compaction_settings.model).toBe('anthropic/claude-haiku-4-5')
    const smaller = (await patch(agent.id, { context_window_limit: 9_000 })).body
    expect(smaller).toMatchObject({ llm_config: { context_window: 9_000 }, max_files_open: 5 })
  })

  it('of the window goes as far as the model does', async () => {
    const { id } = await create({ model: 'anthropic/claude-haiku-4-5', context_window_limit: 9_000 })
    const refused = await patch(id, { context_window_limit: 200_001 })
    expect(refused).toMatchObject({ status: 400 })
    expect(refused.body.detail).toContain('(200001) is greater than the model')
    const widest = await patch(id, { context_window_limit: 200_000 })
    expect(widest.body.llm_config.context_window).toBe(200_000)
  })

  it('of the window does not go by a model that nobody knows, nor behind what the agent has', async () => {
    const { llm_config: config } = await create()
    const unknown = await create({ llm_config: { ...config, handle: 'vllm/ours', context_window: 8_000 } })
    expect((await patch(unknown.id, { context_window_limit: 500_000 })).status).toBe(200)
    const wider = await create({ llm_config: { ...config, context_window: 500_000 } })
    expect((await patch(wider.id, { context_window_limit: 400_000 })).status).toBe(200)
    const both = { llm_config: { ...config, context_window: 8_000 }, context_window_limit: 9_000 }
    expect((await patch(wider.id, both)).status).toBe(400)
  })

  it('of the files that are open has a bound', async () => {
    const { id } = await create()
    expect((await patch(id, { max_files_open: 1_000 })).body.max_files_open).toBe(1_000)
    expect((await patch(id, { max_files_open: 1_001 })).status).toBe(400)
  })

  it('replaces lists', async () => {
    const agent = await create({
      memory_blocks: [{ label: 'human', value: '' }],
      secrets: { A: '1', B: '2' },
    })
    const block = (await world.ask('POST', '/v1/blocks/', { label: 'notes', value: 'n' })).body
    const { body } = await patch(agent.id, {
      block_ids: [block.id],
      tool_ids: [],
      secrets: { C: '3' },
      tool_rules: null,
    })
    expect(body).toMatchObject({
      blocks: [{ label: 'notes' }],
      tools: [],
      secrets: [{ key: 'C', value: '3' }],
    })
  })

  it('of the context takes messages of the agent only', async () => {
    const agent = await create({ agent_type: 'memgpt_v2_agent' })
    const kept = agent.message_ids.slice(0, 2)
    expect((await patch(agent.id, { message_ids: kept })).body.message_ids).toEqual(kept)
    const other = await create()
    expect((await patch(agent.id, { message_ids: other.message_ids })).status).toBe(404)
  })

  it('of the context leaves the system message in front, named or not', async () => {
    const agent = await create({ agent_type: 'memgpt_v2_agent' })
    const [system, first, second] = agent.message_ids
    const contextAfter = async (message_ids: string[]) =>
      (await patch(agent.id, { message_ids })).body.message_ids
    expect(await contextAfter([second, first])).toEqual([system, second, first])
    expect(await contextAfter([first, system])).toEqual([system, first])
    expect(await contextAfter([])).toEqual([system])
  })

  it('of the context of an agent that has no system message says so, and a reset makes one', async () => {
    const agent = await create({ system: 'Be brief.' })
    await world.db
      .deleteFrom('messages')
      .where('agent_id', '=', agent.id as never)
      .execute()
    const { status, body } = await patch(agent.id, { message_ids: [] })
    expect(status).toBe(400)
    expect(body.detail).toContain('has no system message')
    const reset = (await world.ask('PATCH', `/v1/agents/${agent.id}/reset-messages`, {})).body
    expect(reset.message_ids).toHaveLength(1)
    const [{ content }] = (await world.ask('GET', `/v1/messages/${reset.message_ids[0]}`)).body
    expect(content).toMatch(/^Be brief\./)
  })

  it.each([
    [{ name: 5 }, 422],
    [{ tool_ids: ['tool-00000000-0000-4000-8000-0000000000aa'] }, 409],
    [{ block_ids: ['block-00000000-0000-4000-8000-0000000000aa'] }, 404],
    [{ model: 'openai/none' }, 404],
  ])('that cannot be made changes nothing: %j', async (body, status) => {
    const agent = await create()
    expect((await patch(agent.id, { description: 'half', ...body })).status).toBe(status)
    expect((await world.ask('GET', `/v1/agents/${agent.id}`)).body.description).toBeNull()
  })
})

describe('a deleted agent', () => {
  it('is gone everywhere, and its blocks stay', async () => {
    const agent = await create({ memory_blocks: [{ label: 'human', value: '' }] })
    const { body } = await world.ask('DELETE', `/v1/agents/${agent.id}`)
    expect(body).toEqual({ message: `Agent id=${agent.id} successfully deleted` })
    for (const path of ['', '/tools', '/core-memory', '/core-memory/blocks/human']) {
      expect((await world.ask('GET', `/v1/agents/${agent.id}${path}`)).status).toBe(404)
    }
    expect((await world.ask('DELETE', `/v1/agents/${agent.id}`)).status).toBe(404)
    expect((await world.ask('GET', `/v1/blocks/${agent.blocks[0].id}`)).status).toBe(200)
  })
})
