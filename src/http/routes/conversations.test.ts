import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Answer } from '../../../test/http-world.ts'
import { openServerWorld, type ServerWorld } from '../../../test/server-world.ts'
import type { Json } from '../../domain/json.ts'

let world: ServerWorld
let agentId: string
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())
beforeEach(async () => {
  agentId = await world.createAgent({
    memory_blocks: [{ label: 'human', value: 'Ann' }],
    tools: ['memory_insert'],
  })
})

type Shown = { id: string; message_type: string; content?: string }

const create = async (body: Json = {}) =>
  (await world.ask('POST', `/v1/conversations/?agent_id=${agentId}`, body)).body
const send = (name: string, content: string, more: Record<string, Json> = {}) =>
  world.ask('POST', `/v1/conversations/${name}/messages`, {
    messages: [{ role: 'user', content }],
    streaming: false,
    ...more,
  })
const list = async (name: string, query = 'order=asc'): Promise<Shown[]> =>
  (await world.ask('GET', `/v1/conversations/${name}/messages?agent_id=${agentId}&${query}`)).body
const isSummary = ({ content }: Shown) => content?.includes('no longer in view') ?? false
const textsOf = (messages: Shown[]) =>
  messages
    .filter((message) => !isSummary(message))
    .filter(({ message_type: type }) => /^(user|assistant)_/.test(type))
    .map(({ content }) => content)
const rowsOf = async (table: 'conversations' | 'blocks') =>
  (await world.db.selectFrom(table).select('id').execute()).length

describe('23. the history of a conversation', () => {
  it('keeps its order through a compaction, and is paged without loss or repeat', async () => {
    const { id } = await create()
    for (const text of ['one', 'two', 'third']) await send(id, text)
    const compacted = await world.ask('POST', `/v1/conversations/${id}/compact`, {
      compaction_settings: { mode: 'all' },
    })
    expect(compacted.body.num_messages_after).toBeLessThan(compacted.body.num_messages_before)
    await send(id, 'four')

    const all = await list(id)
    expect(textsOf(all)).toEqual([
      'one',
      'echo: one',
      'two',
      'echo: two',
      'third',
      'echo: third',
      'four',
      'echo: four',
    ])
    expect(all.findIndex(isSummary)).toBe(all.findIndex(({ content }) => content === 'four') - 1)
    const paged: Shown[] = []
    for (let page = await list(id, 'order=asc&limit=2'); page.length > 0; ) {
      paged.push(...page)
      page = await list(id, `order=asc&limit=2&after=${page.at(-1)?.id}`)
    }
    expect(paged.map((message) => message.id)).toEqual(all.map((message) => message.id))
    const newestFirst = await list(id, 'order=desc')
    expect(newestFirst.map((message) => message.id)).toEqual(all.toReversed().map((message) => message.id))
  })

  it('of the default conversation is what it was after a fork, and the fork goes its own way', async () => {
    await send('default', 'one', { agent_id: agentId })
    const before = await list('default')
    const fork = (await world.ask('POST', `/v1/conversations/default/fork?agent_id=${agentId}`)).body
    expect(fork.in_context_message_ids).toHaveLength(3)
    expect(await list('default')).toEqual(before)
    await send(fork.id, 'two')
    await send('default', 'third', { agent_id: agentId })
    expect(textsOf(await list('default'))).toEqual(['one', 'echo: one', 'third', 'echo: third'])
    const asked = world.mock.log().findLast(({ answer }) => answer?.text === 'echo: two')
    expect(JSON.stringify(asked?.body)).toContain('echo: one')
    expect(JSON.stringify(asked?.body)).not.toContain('third')
  })
})

describe('the model of a conversation', () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const settings = {
    provider_type: 'openai',
    temperature: 0.1,
    response_format: { type: 'json_schema', json_schema: { name: 'place', schema } },
  }
  const textOf = (answer: Answer) => answer.body.messages.at(-1).content

  it('is asked with the conversation’s settings, and only there', async () => {
    const { id } = await create({ model_settings: settings })
    expect(JSON.parse(textOf(await send(id, 'data please')))).toHaveProperty('city')
    expect(world.mock.log({ contains: 'data please' }).at(-1)?.body).toMatchObject({ temperature: 0.1 })
    const other = await create()
    expect(textOf(await send(other.id, 'nothing special'))).toBe('echo: nothing special')
    await world.ask('PATCH', `/v1/conversations/${id}`, { model_settings: null })
    expect(textOf(await send(id, 'words again'))).toBe('echo: words again')
  })

  it('is the one that compacts it', async () => {
    const { id } = await create({ model: 'openai-proxy/gpt-4.1' })
    for (const text of ['one', 'two']) await send(id, text)
    const compaction_settings = { mode: 'self_compact_all', prompt: 'In your own words.' }
    expect((await world.ask('POST', `/v1/conversations/${id}/compact`, { compaction_settings })).status).toBe(
      200,
    )
    expect(world.mock.log({ contains: 'In your own words.' })[0]?.body).toMatchObject({ model: 'gpt-4.1' })
  })

  it('has settings with all that was left open, and a change of them tells no context', async () => {
    const { id } = await create()
    const sent = { provider_type: 'google_ai', temperature: 0.1 }
    const changed = (await world.ask('PATCH', `/v1/conversations/${id}`, { model_settings: sent })).body
    expect(changed.in_context_message_ids).toEqual([])
    expect(changed.model_settings).toEqual({
      ...sent,
      max_output_tokens: 65_536,
      parallel_tool_calls: true,
      thinking_config: { include_thoughts: true, thinking_budget: 1_024 },
      response_schema: null,
    })
    const known = (await world.ask('GET', `/v1/conversations/${id}`)).body
    expect(known.in_context_message_ids).toHaveLength(1)
  })

  it('is not asked with settings that no provider has', async () => {
    const { id } = await create()
    const nonsense = { model_settings: { provider_type: 'nobody' } }
    expect((await world.ask('PATCH', `/v1/conversations/${id}`, nonsense)).status).toBe(422)
  })
})

describe('23. deleting a conversation', () => {
  it('that is in use cancels its run; then there is none', async () => {
    const { id } = await create()
    const stream = send(id, '[[sleep 20000]]', { streaming: true })
    const runs = async () => (await world.ask('GET', `/v1/runs/?conversation_id=${id}`)).body
    await expect.poll(async () => (await runs())[0]?.status, { timeout: 10_000 }).toBe('running')
    expect((await world.ask('DELETE', `/v1/conversations/${id}`)).status).toBe(200)
    expect((await stream).body).toContain('"stop_reason":"cancelled"')
    const rows = await world.db
      .selectFrom('runs')
      .where('agent_id', '=', agentId as never)
      .select('status')
      .execute()
    expect(rows).toEqual([{ status: 'cancelled' }])
    for (const [method, path] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/fork'],
    ] as const) {
      expect((await world.ask(method, `/v1/conversations/${id}${path}`)).status).toBe(404)
    }
    expect((await send(id, 'hello')).status).toBe(404)
  })
})

describe('23. isolated blocks', () => {
  const remember = (name: string, text: string) =>
    send(name, `[[call memory_insert {"label":"human","new_string":"${text}"}]]`)
  const blockValue = async (blockId: string) => (await world.ask('GET', `/v1/blocks/${blockId}`)).body.value
  const agentValue = async () =>
    (await world.ask('GET', `/v1/agents/${agentId}/core-memory/blocks/human`)).body.value

  it('are the conversation’s own: tools and prompts of others do not see them', async () => {
    const mine = await create({ isolated_block_labels: ['human'] })
    const other = await create()
    await remember(mine.id, 'likes tea')
    expect(await blockValue(mine.isolated_block_ids[0])).toContain('likes tea')
    expect(await agentValue()).toBe('Ann')
    const prompt = async (id: string) =>
      (await world.ask('POST', `/v1/conversations/${id}/recompile?dry_run=true`)).body
    expect(await prompt(mine.id)).toContain('likes tea')
    expect(await prompt(other.id)).not.toContain('likes tea')
  })

  it('stay behind in a fork, unless copies are asked for', async () => {
    const source = await create({ isolated_block_labels: ['human'] })
    await remember(source.id, 'likes tea')
    const bare = (await world.ask('POST', `/v1/conversations/${source.id}/fork`)).body
    expect(bare.isolated_block_ids).toEqual([])

    const full = (await world.ask('POST', `/v1/conversations/${source.id}/fork?copy_isolated_blocks=true`))
      .body
    const [copy] = full.isolated_block_ids
    expect(await blockValue(copy)).toContain('likes tea')
    await remember(full.id, 'and coffee')
    expect(await blockValue(copy)).toContain('and coffee')
    expect(await blockValue(source.isolated_block_ids[0])).not.toContain('and coffee')
    expect(await agentValue()).toBe('Ann')
  })

  it('with one that the agent does not have, nothing is created', async () => {
    const before = [await rowsOf('conversations'), await rowsOf('blocks')]
    const refused = await world.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {
      isolated_block_labels: ['human', 'nobody'],
    })
    expect(refused.status).toBe(400)
    expect([await rowsOf('conversations'), await rowsOf('blocks')]).toEqual(before)
  })
})

describe('what is kept of a conversation', () => {
  it('is changed by a PATCH, and cleared by null', async () => {
    const { id } = await create({ summary: 'About tea', message_policy: 'enqueue' })
    const patch = async (body: Json) => (await world.ask('PATCH', `/v1/conversations/${id}`, body)).body
    expect(await patch({ model: 'openai-proxy/gpt-4o' })).toMatchObject({
      summary: 'About tea',
      model: 'openai-proxy/gpt-4o',
      message_policy: 'enqueue',
    })
    expect(await patch({ summary: null, model: null })).toMatchObject({ summary: null, model: null })
    expect((await world.ask('PATCH', `/v1/conversations/${id}`, { model: 'gpt' })).status).toBe(400)
  })

  it('says when the last message was taken in, not when one was refused', async () => {
    const { id } = await create()
    const stream = send(id, '[[sleep 1500]]', { streaming: true })
    const lastMessageAt = async () => (await world.ask('GET', `/v1/conversations/${id}`)).body.last_message_at
    await expect.poll(lastMessageAt, { timeout: 10_000 }).not.toBeNull()
    const taken = await lastMessageAt()
    expect((await send(id, 'too early')).status).toBe(409)
    expect(await lastMessageAt()).toBe(taken)
    await stream
  })

  it('can be searched and sorted, page by page', async () => {
    const ids: string[] = []
    for (const summary of ['100 % tea', '100 _ tea', 'coffee']) ids.push((await create({ summary })).id)
    const page = async (query: string): Promise<string[]> =>
      (await world.ask('GET', `/v1/conversations/?agent_id=${agentId}&${query}`)).body.map(
        ({ id }: Shown) => id,
      )
    expect(await page('summary_search=%25')).toEqual([ids[0]])
    expect(await page('summary_search=_')).toEqual([ids[1]])
    await send(ids[1] ?? '', 'hello')
    for (const order of ['asc', 'desc']) {
      for (const key of ['created_at', 'last_message_at', 'last_run_completion']) {
        const query = `order=${order}&order_by=${key}`
        const all = await page(query)
        expect(all.toSorted()).toEqual(ids.toSorted())
        expect(await page(`${query}&after=${all[0]}`)).toEqual(all.slice(1))
        expect(await page(`${query}&after=${all[1]}`)).toEqual(all.slice(2))
      }
    }
  })
})
