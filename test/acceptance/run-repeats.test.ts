import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { eventsOf, until } from '../replicas.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { Talk } from './talk.ts'

/** Goal: turns of one conversation never overlap, and a request that is sent twice is carried out once. */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const conversationOf = async (agentId: string): Promise<string> =>
  (await world.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {})).body.id
const runsOf = async (agentId: string): Promise<JsonObject[]> =>
  (await world.ask('GET', `/v1/runs/?agent_id=${agentId}&order=asc`)).body
const input = (text: string, more: JsonObject = {}) => ({
  messages: [{ role: 'user', content: text, ...more }],
})

describe('13. busy: two sends at once', () => {
  it.each([false, true])(
    'to a conversation (streaming: %s): one is refused, and told by which run',
    async (streaming) => {
      const agentId = await world.createAgent()
      const path = `/v1/conversations/${await conversationOf(agentId)}/messages`
      const send = () => world.ask('POST', path, { ...input('[[sleep 500]] hello'), streaming })
      const both = await Promise.all([send(), send()])
      const [refused, ...others] = both.filter(({ status }) => status === 409)
      expect(others).toEqual([])
      const [run, ...more] = await runsOf(agentId)
      expect(more).toEqual([])
      expect(refused?.body).toMatchObject({
        run_id: run?.id,
        detail: expect.stringContaining('is currently being processed'),
      })
      expect(refused?.headers.get('retry-after')).toBe('1')
    },
  )

  it.each(['/messages', '/messages/stream'])(
    'to an agent by %s: one after the other, both in the context',
    async (path) => {
      const talk = await Talk.open(world)
      const send = (text: string) => world.ask('POST', `/v1/agents/${talk.agent}${path}`, input(text))
      const both = await Promise.all([send('[[sleep 200]] one'), send('[[sleep 200]] two')])
      expect(both.map(({ status }) => status)).toEqual([200, 200])
      const said = (await talk.list())
        .slice(1)
        .map(({ content }) => String(content).replace(/\[\[.*\]\] |echo: /g, ''))
      expect([
        ['one', 'one', 'two', 'two'],
        ['two', 'two', 'one', 'one'],
      ]).toContainEqual(said)
      expect((await talk.state()).message_ids).toHaveLength(5)
    },
  )
})

it('14. a turn longer than ten minutes keeps its conversation to itself', async () => {
  const agentId = await world.createAgent()
  const path = `/v1/conversations/${await conversationOf(agentId)}/messages`
  const long = world.ask('POST', path, { ...input('[[sleep 1500]] long'), streaming: false })
  const run = await until(async () => (await runsOf(agentId)).find(({ status }) => status === 'running'))
  await sql`update runs set created_at = now() - interval '11 minutes' where id = ${run.id}`.execute(world.db)
  await sql`update steps set created_at = now() - interval '11 minutes' where run_id = ${run.id}`.execute(
    world.db,
  )
  const refused = await world.ask('POST', path, { ...input('and me?'), streaming: false })
  expect(refused).toMatchObject({ status: 409, body: { run_id: run.id } })
  expect((await long).status).toBe(200)
})

describe('15. otid: the same request again is the same run', () => {
  type Transport = { path(agentId: string, conversation: string): string; more?: JsonObject }
  const TRANSPORTS: Record<string, Transport> = {
    blocking: { path: (id) => `/v1/agents/${id}/messages` },
    'step stream': { path: (id) => `/v1/agents/${id}/messages/stream` },
    'background stream': {
      path: (id) => `/v1/agents/${id}/messages`,
      more: { streaming: true, stream_tokens: true, background: true },
    },
    async: { path: (id) => `/v1/agents/${id}/messages/async` },
    'conversation, whole': {
      path: (_, name) => `/v1/conversations/${name}/messages`,
      more: { streaming: false },
    },
    'conversation, stream': {
      path: (_, name) => `/v1/conversations/${name}/messages`,
      more: { streaming: true },
    },
  }
  /** What the client was given, told without what differs by the moment. */
  const given = (body: unknown) =>
    typeof body === 'string'
      ? eventsOf(body).map(({ data }) => [
          data.message_type ?? data,
          data.seq_id ?? null,
          data.content ?? null,
        ])
      : ((body as { messages?: JsonObject[]; id?: string }).messages ?? (body as { id?: string }).id)

  it.each(Object.keys(TRANSPORTS))('%s: at once, and after the end', async (name) => {
    const talk = await Talk.open(world)
    const { path, more } = TRANSPORTS[name] ?? { path: () => '' }
    const to = path(talk.agent, await conversationOf(talk.agent))
    const body = { ...input('[[sleep 300]] hello', { otid: 'otid-1' }), ...more }
    const both = await Promise.all([1, 2].map(() => world.ask('POST', to, body)))
    await until(async () => (await runsOf(talk.agent)).every(({ completed_at: at }) => at !== null))
    const later = await world.ask('POST', to, body)
    const [first, ...others] = [...both, later]
    expect([first, ...others].map((answer) => answer?.status)).toEqual([200, 200, 200])
    for (const other of others) expect(given(other.body)).toEqual(given(first?.body))
    expect(await runsOf(talk.agent)).toHaveLength(1)
  })

  it('in another conversation, and in another organisation, it is another request', async () => {
    const agentId = await world.createAgent()
    const [one, two] = [await conversationOf(agentId), await conversationOf(agentId)]
    const body = { ...input('hello', { otid: 'otid-2' }), streaming: false }
    for (const name of [one, two]) await world.ask('POST', `/v1/conversations/${name}/messages`, body)
    expect(await runsOf(agentId)).toHaveLength(2)
    const organization = (await world.ask('POST', '/v1/admin/orgs/', { name: 'Others' })).body
    const user = (
      await world.ask('POST', '/v1/admin/users/', { name: 'Eve', organization_id: organization.id })
    ).body
    const as = { user_id: user.id }
    const theirs = (await world.ask('POST', '/v1/agents/', { model: 'openai-proxy/gpt-4o-mini' }, as)).body.id
    const answer = await world.ask(
      'POST',
      `/v1/agents/${theirs}/messages`,
      input('hello', { otid: 'otid-2' }),
      as,
    )
    expect(answer.body.messages).toMatchObject([{ content: 'echo: hello' }])
    expect((await world.ask('GET', `/v1/runs/?agent_id=${theirs}`, undefined, as)).body).toHaveLength(1)
  })

  it('with another content it is a mistake', async () => {
    const talk = await Talk.open(world)
    await talk.send(input('hello', { otid: 'otid-3' }).messages)
    const other = await talk.send(input('good bye', { otid: 'otid-3' }).messages)
    expect(other).toMatchObject({ status: 409, body: { code: 'OTID_REUSED' } })
    expect(other.headers.get('x-should-retry')).toBe('false')
    expect(await runsOf(talk.agent)).toHaveLength(1)
  })
})

describe('16. a client that repeats what it gave up', () => {
  const retry = { 'x-stainless-retry-count': '1' }
  it('a blocking call that was aborted and is sent again is one turn', async () => {
    const talk = await Talk.open(world)
    const url = `${world.url}/v1/agents/${talk.agent}/messages`
    const body = JSON.stringify(input('[[sleep 700]] yes'))
    const headers = { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' }
    const aborted = fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(200) })
    await expect(aborted).rejects.toThrow()
    const again = await fetch(url, { method: 'POST', headers: { ...headers, ...retry }, body })
    expect(((await again.json()) as JsonObject).messages).toMatchObject([{ content: 'echo: yes' }])
    expect(await runsOf(talk.agent)).toHaveLength(1)
  })

  it('the same words once more, after they were answered, are a new turn', async () => {
    const talk = await Talk.open(world)
    await talk.say('yes')
    await expect
      .poll(
        async () =>
          (
            await sql`select 1 from runs where agent_id = ${talk.agent} and response_sent_at is not null`.execute(
              world.db,
            )
          ).rows.length,
      )
      .toBe(1)
    await world.ask('POST', `/v1/agents/${talk.agent}/messages`, input('yes'), retry)
    expect(await runsOf(talk.agent)).toHaveLength(2)
  })
})
