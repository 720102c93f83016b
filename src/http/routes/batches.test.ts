import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Hook, openHook } from '../../../test/hook.ts'
import { openServerWorld, type ServerWorld } from '../../../test/server-world.ts'

let world: ServerWorld
let hook: Hook
beforeAll(async () => {
  hook = await openHook(() => 200)
  world = await openServerWorld()
})
afterAll(async () => {
  await world.close()
  await hook.close()
})

const request = (agentId: string, content: string) => ({
  agent_id: agentId,
  messages: [{ role: 'user', content }],
})
/** An answer to nothing. */
const approval = (agentId: string) => ({
  agent_id: agentId,
  messages: [
    { type: 'approval', approve: true, approval_request_id: 'message-00000000-0000-4000-8000-000000000000' },
  ],
})
const batch = async (id: string) => (await world.ask('GET', `/v1/messages/batches/${id}`)).body
/** Runs that a batch has started, in the order of its requests. */
const runsOf = (id: string) =>
  world.db
    .selectFrom('runs')
    .where(sql<string>`metadata->>'batch_id'`, '=', id)
    .orderBy(sql`(metadata->>'batch_index')::int`)
    .select(['id', 'status', 'created_order'])
    .execute()

describe('a batch of messages', () => {
  it('is a run for each request, two of one agent as well, and ends when they have', async () => {
    const [ann, bob] = [await world.createAgent(), await world.createAgent()]
    const requests = [request(ann, 'one'), request(bob, 'two'), request(ann, 'three')]
    const created = await world.ask('POST', '/v1/messages/batches', {
      requests,
      callback_url: `${hook.url}/batch`,
    })
    expect(created.body).toMatchObject({ job_type: 'batch', status: 'running' })
    const { id } = created.body

    await expect.poll(async () => (await batch(id)).status, { timeout: 20_000 }).toBe('completed')
    const runs = (await world.ask('GET', `/v1/runs/?order=asc`)).body
    expect(
      runs.map((run: { agent_id: string; status: string; metadata: unknown }) => [
        run.agent_id,
        run.status,
        run.metadata,
      ]),
    ).toEqual(
      expect.arrayContaining(
        [ann, bob, ann].map((agentId, index) => [
          agentId,
          'completed',
          { run_type: 'batch', batch_id: id, batch_index: index },
        ]),
      ),
    )
    expect(runs).toHaveLength(3)

    await expect.poll(async () => (await batch(id)).callback_status_code, { timeout: 10_000 }).toBe(200)
    expect(hook.calls.map(({ text }) => JSON.parse(text))).toEqual([
      { job_id: id, status: 'completed', completed_at: expect.any(String), metadata: null },
    ])

    const ofAnn = await world.ask('GET', `/v1/messages/batches/${id}/messages?agent_id=${ann}&order=asc`)
    expect(ofAnn.body.messages.map(({ role }: { role: string }) => role)).toEqual([
      'user',
      'assistant',
      'user',
      'assistant',
    ])
    // Which agent was the first to answer is not fixed.
    const all = (await world.ask('GET', `/v1/messages/batches/${id}/messages?order=asc`)).body.messages
    expect(all).toHaveLength(6)
    const rest = await world.ask('GET', `/v1/messages/batches/${id}/messages?after=${all[0].id}&order=asc`)
    expect(rest.body.messages).toEqual(all.slice(1))
    expect(
      (await world.ask('GET', '/v1/messages/batches')).body.map((one: { id: string }) => one.id),
    ).toContain(id)
  })

  it('is refused when an agent is not there', async () => {
    const nobody = 'agent-00000000-0000-4000-8000-0000000000aa'
    const requests = [request(await world.createAgent(), 'one'), request(nobody, 'two')]
    expect(await world.ask('POST', '/v1/messages/batches', { requests })).toMatchObject({
      status: 404,
      body: { detail: `Agent with ID ${nobody} not found` },
    })
  })

  it('ends though an agent is deleted, and says which requests were not started', async () => {
    const [gone, agentId] = [await world.createAgent(), await world.createAgent()]
    // More than may wait for the agent: the last three are to be started later.
    const requests = [
      ...Array.from({ length: 20 }, () => request(gone, '[[sleep 20000]]')),
      request(agentId, 'two'),
      approval(agentId),
    ]
    const callback_url = `${hook.url}/refused`
    const { id } = (await world.ask('POST', '/v1/messages/batches', { requests, callback_url })).body
    await expect.poll(async () => (await runsOf(id)).length, { timeout: 20_000 }).toBe(18)
    await world.ask('DELETE', `/v1/agents/${gone}`)
    await expect.poll(async () => (await batch(id)).status, { timeout: 20_000 }).toBe('completed')
    const notStarted = [
      ...[17, 18, 19].map((index) => ({ index, agent_id: gone, error: `Agent with ID ${gone} not found` })),
      { index: 21, agent_id: agentId, error: expect.stringContaining('No tool call is currently awaiting') },
    ]
    expect((await batch(id)).metadata).toEqual({ not_started: notStarted })
    await expect
      .poll(() => hook.calls.find(({ path }) => path === '/refused')?.text, { timeout: 10_000 })
      .toBeDefined()
    const told = hook.calls.find(({ path }) => path === '/refused')?.text ?? ''
    expect(JSON.parse(told).metadata).toEqual({ not_started: notStarted })
  })

  it('gives an agent its requests in their order, however many there are', async () => {
    const agentId = await world.createAgent()
    const requests = Array.from({ length: 40 }, (_, index) => request(agentId, `b${index} [[sleep 30]]`))
    const { id } = (await world.ask('POST', '/v1/messages/batches', { requests })).body
    await expect.poll(async () => (await batch(id)).status, { timeout: 25_000 }).toBe('completed')
    const path = `/v1/messages/batches/${id}/messages?order=asc&limit=200`
    const said = (await world.ask('GET', path)).body.messages.flatMap(
      ({ role, content }: { role: string; content: { text: string }[] }) =>
        role === 'user' ? content.map(({ text }) => text) : [],
    )
    expect(said).toEqual(requests.map(({ messages }) => messages[0]?.content))
  })

  it('applies the options of a request, and keeps its otids', async () => {
    const agentId = await world.createAgent()
    const client_tools = [
      { name: 'look_up', description: 'Looks up', parameters: { type: 'object', properties: {} } },
    ]
    const one = {
      agent_id: agentId,
      messages: [{ role: 'user', content: '[[call look_up {}]]', otid: 'otid-of-the-user' }],
      override_model: 'openai-proxy/gpt-4o',
      override_system: 'You are somebody else',
      client_tools,
      use_assistant_message: false,
      include_return_message_types: ['approval_request_message'],
      max_steps: 3,
    }
    const start = async () =>
      (await world.ask('POST', '/v1/messages/batches', { requests: [one] })).body.id as string
    const id = await start()
    await expect.poll(async () => (await batch(id)).status, { timeout: 20_000 }).toBe('completed')
    const [run] = await runsOf(id)
    const { body: shown } = await world.ask('GET', `/v1/runs/${run?.id}`)
    expect(shown).toMatchObject({
      stop_reason: 'requires_approval',
      request_config: {
        use_assistant_message: false,
        include_return_message_types: ['approval_request_message'],
      },
    })
    const { body: said } = await world.ask('GET', `/v1/messages/batches/${id}/messages?order=asc`)
    expect(said.messages[0]).toMatchObject({ role: 'user', otid: 'otid-of-the-user' })
    const { request } = await world.db
      .selectFrom('runs')
      .where('id', '=', run?.id ?? 'run-')
      .select('request')
      .executeTakeFirstOrThrow()
    expect(request).toMatchObject({
      stepsMax: 3,
      overrideModel: { model: 'gpt-4o' },
      overrideSystem: 'You are somebody else',
      clientTools: client_tools,
      useAssistantMessage: false,
    })

    // Sent again, it is the same request.
    const again = await start()
    await expect.poll(async () => (await batch(again)).status, { timeout: 20_000 }).toBe('completed')
    expect((await world.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body).toHaveLength(1)
    expect((await batch(again)).metadata).toBeNull()

    const unknown = { ...one, override_model: 'nobody/none' }
    expect(await world.ask('POST', '/v1/messages/batches', { requests: [unknown] })).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('Handle nobody/none not found') },
    })
  })

  it('starts each request once, by however many errands', async () => {
    const agentIds = await Promise.all(Array.from({ length: 3 }, () => world.createAgent()))
    const requests = Array.from({ length: 30 }, (_, index) => request(agentIds[index % 3] ?? '', `${index}`))
    const { id } = (await world.ask('POST', '/v1/messages/batches', { requests })).body
    const { queue } = world.server.engine.deps
    const { organization_id: organizationId } = await world.db
      .selectFrom('jobs')
      .where('id', '=', id)
      .select('organization_id')
      .executeTakeFirstOrThrow()
    for (let more = 0; more < 5; more++)
      await queue.enqueue(world.db, 'batch', null, { organizationId, jobId: id })
    await expect.poll(async () => (await batch(id)).status, { timeout: 25_000 }).toBe('completed')
    const runs = await runsOf(id)
    expect(runs).toHaveLength(30)
    for (const [of] of agentIds.entries()) {
      const orders = runs.filter((_, index) => index % 3 === of).map((run) => Number(run.created_order))
      expect(orders).toEqual(orders.toSorted((a, b) => a - b))
    }
  })

  it('is cancelled with its runs, by either route, as often as one likes', async () => {
    const agentId = await world.createAgent()
    const requests = [request(agentId, '[[sleep 20000]]')]
    const { id } = (await world.ask('POST', '/v1/messages/batches', { requests })).body
    const runs = async () => (await world.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
    await expect.poll(async () => (await runs())[0]?.status, { timeout: 20_000 }).toBe('running')
    expect(await world.ask('PATCH', `/v1/messages/batches/${id}/cancel`)).toMatchObject({
      status: 200,
      body: null,
    })
    expect(await world.ask('PATCH', `/v1/jobs/${id}/cancel`)).toMatchObject({
      status: 200,
      body: { id, status: 'cancelled' },
    })
    expect((await runs())[0]).toMatchObject({ status: 'cancelled' })
  })

  it('is cancelled whole while it is still being started', async () => {
    const agentIds = await Promise.all(Array.from({ length: 10 }, () => world.createAgent()))
    const requests = Array.from({ length: 100 }, (_, index) =>
      request(agentIds[index % 10] ?? '', `[[sleep 3000]] ${index}`),
    )
    const { id } = (await world.ask('POST', '/v1/messages/batches', { requests })).body
    await expect.poll(async () => (await runsOf(id)).length, { timeout: 20_000 }).toBeGreaterThan(20)
    expect((await world.ask('PATCH', `/v1/messages/batches/${id}/cancel`)).status).toBe(200)
    const runs = await runsOf(id)
    expect(runs.length).toBeLessThan(100)
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['cancelled']))
    // Whoever was starting requests has had the time for more of them.
    await sleep(3_000)
    expect(await runsOf(id)).toEqual(runs)
  })

  it.each(['again', 'by its errand'])('whose runs have outlived its cancel is cancelled %s', async (how) => {
    const agentId = await world.createAgent()
    const requests = [request(agentId, '[[sleep 20000]]'), request(agentId, 'waits')]
    const { id } = (await world.ask('POST', '/v1/messages/batches', { requests })).body
    await expect.poll(async () => (await runsOf(id)).length, { timeout: 20_000 }).toBe(2)
    // As a server leaves it that was killed in the middle of it.
    await world.db.updateTable('jobs').set({ status: 'cancelled' }).where('id', '=', id).execute()
    if (how === 'again') await world.ask('PATCH', `/v1/messages/batches/${id}/cancel`)
    await expect
      .poll(async () => (await runsOf(id)).map(({ status }) => status), { timeout: 10_000 })
      .toEqual(['cancelled', 'cancelled'])
  })

  it('takes more requests than one statement can', async () => {
    const agentId = await world.createAgent()
    const requests = Array.from({ length: 14_000 }, (_, index) =>
      request(agentId, `[[sleep 20000]] ${index}`),
    )
    const created = await world.ask('POST', '/v1/messages/batches', { requests })
    expect(created.status).toBe(200)
    const { id } = created.body
    const stored = await world.db
      .selectFrom('batch_requests')
      .where('job_id', '=', id)
      .select(({ fn }) => [fn.countAll().as('count'), fn.max('index').as('last')])
      .executeTakeFirst()
    expect(stored).toMatchObject({ count: 14_000, last: 13_999 })
    expect((await world.ask('PATCH', `/v1/messages/batches/${id}/cancel`)).status).toBe(200)
  })

  it('needs requests, and an id that is one', async () => {
    expect((await world.ask('POST', '/v1/messages/batches', { requests: [] })).status).toBe(400)
    expect((await world.ask('POST', '/v1/messages/batches', {})).status).toBe(422)
    expect(await world.ask('GET', '/v1/messages/batches/bad')).toMatchObject({
      status: 400,
      body: { detail: "INVALID_ARGUMENT: Invalid job ID format: bad. Expected format: 'job-<uuid4>'" },
    })
  })
})

describe('jobs', () => {
  it('are read and deleted by whoever they belong to', async () => {
    const agentId = await world.createAgent()
    const { id } = (await world.ask('POST', '/v1/messages/batches', { requests: [request(agentId, 'x')] }))
      .body
    expect((await world.ask('GET', `/v1/jobs/${id}`)).body).toMatchObject({ id, job_type: 'batch' })
    expect((await world.ask('GET', '/v1/jobs/')).body).toEqual([])
    const other = (
      await world.ask('POST', '/v1/admin/users/', {
        name: 'other',
        organization_id: 'org-00000000-0000-4000-8000-000000000000',
      })
    ).body
    const asOther = { user_id: other.id }
    expect((await world.ask('GET', `/v1/jobs/${id}`, undefined, asOther)).status).toBe(404)
    expect((await world.ask('DELETE', `/v1/jobs/${id}`, undefined, asOther)).status).toBe(404)
    expect((await world.ask('DELETE', `/v1/jobs/${id}`)).body.id).toBe(id)
    expect((await world.ask('GET', `/v1/jobs/${id}`)).status).toBe(404)
  })
})
