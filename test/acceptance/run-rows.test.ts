import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_ORGANIZATION, type RunId } from '../../src/domain/id.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import type { Outcome } from '../../src/domain/run.ts'
import type { StopReason } from '../../src/domain/stop-reason.ts'
import { claimRun, releaseRuns } from '../../src/store/leases.ts'
import { inTransaction } from '../../src/store/transaction.ts'
import { settleInTx } from '../../src/worker/settle.ts'
import { until } from '../replicas.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { call, note, script, Talk } from './talk.ts'

/** What is kept of a run, and who may change it. */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const rowOf = async (id: string) =>
  world.db
    .selectFrom('runs')
    .where('id', '=', id as RunId)
    .selectAll()
    .executeTakeFirstOrThrow()
const lastRun = async (talk: Talk): Promise<JsonObject & { id: RunId }> =>
  (await world.ask('GET', `/v1/runs/?agent_id=${talk.agent}&limit=1`)).body[0]

describe('2. illegal transitions leave the row untouched', () => {
  const ENDS = {
    completed: async (talk: Talk) => talk.say('hello'),
    failed: async (talk: Talk) => talk.say('[[error 400]]'),
    cancelled: async (talk: Talk) => {
      const sending = talk.say('[[sleep 20000]]')
      await until(async () => (await lastRun(talk))?.status === 'running')
      await world.ask('POST', `/v1/agents/${talk.agent}/messages/cancel`, {})
      await sending
    },
  }
  const settle = (stopReason: StopReason) => async (id: RunId) => {
    const { organization_id: organizationId, conversation_id, agent_id } = await rowOf(id)
    const run = { organizationId, runId: id, conversationId: conversation_id, agentId: agent_id }
    const outcome: Outcome = { stopReason, error: null }
    const { deps } = world.server.engine
    await inTransaction(world.db, (tx) =>
      settleInTx(tx, deps, run, outcome, { seqFrom: null, contextTokens: null }),
    )
  }
  const end = (stopReason: StopReason) => (id: RunId) =>
    world.server.engine.worker.end(DEFAULT_ORGANIZATION, id, { stopReason, error: null })
  const own = () => world.server.engine.deps.lease.id
  const MOVES: Record<string, (id: RunId) => Promise<unknown>> = {
    'a claim': (id) => claimRun(world.db, DEFAULT_ORGANIZATION, id, own()),
    'a release': (id) => releaseRuns(world.db, own(), [id]),
    'a completion': settle('end_turn'),
    'a failure': settle('llm_api_error'),
    'a settlement as cancelled': settle('cancelled'),
    'a cancel': end('cancelled'),
    'giving it up': end('error'),
  }
  it.each(Object.keys(ENDS).flatMap((from) => Object.keys(MOVES).map((move) => ({ from, move }))))(
    '$from, $move',
    async ({ from, move }) => {
      const talk = await Talk.open(world)
      await ENDS[from as keyof typeof ENDS](talk)
      const { id } = await lastRun(talk)
      const before = await rowOf(id)
      expect(before.status).toBe(from)
      await MOVES[move]?.(id)
      // That the answer has gone out is noted behind it, whenever there is time.
      expect(await rowOf(id)).toEqual({
        ...before,
        response_sent_at: expect.toBeOneOf([null, expect.any(String)]),
      })
    },
  )
})

it('3. metadata: what the end of a run adds leaves everything else there, also what came meanwhile', async () => {
  const talk = await Talk.open(world)
  const sending = talk.say('[[sleep 400]] [[error 400]]')
  const run = await until(() => lastRun(talk))
  const patch = JSON.stringify({ noted: 'by somebody else' })
  await Promise.all([
    sending,
    sql`update runs set metadata = coalesce(metadata, '{}') || ${patch}::jsonb where id = ${run.id}`.execute(
      world.db,
    ),
  ])
  const { metadata } = (await world.ask('GET', `/v1/runs/${run.id}`)).body
  expect(metadata).toMatchObject({
    run_type: 'send_message',
    noted: 'by somebody else',
    error: { message_type: 'error_message', error_type: 'llm_error', run_id: run.id },
  })
})

it('4. a run of 60 steps: all are counted, their usage summed, every tool named', async () => {
  const talk = await Talk.open(world)
  const turns = Array.from({ length: 59 }, (_, nth) => ({
    calls: [nth % 2 ? note(`${nth}`) : call('conversation_search', { query: `${nth}` })],
    usage: [100, 10, 20, 0, 3],
  }))
  await talk.say(script(...turns, { say: 'Done.', usage: [100, 10, 20, 0, 3] } as never), { max_steps: 100 })
  const { id } = await lastRun(talk)
  const { body: metrics } = await world.ask('GET', `/v1/runs/${id}/metrics`)
  const names = await world.db
    .selectFrom('tools')
    .where('id', 'in', metrics.tools_used)
    .select('name')
    .execute()
  expect(metrics.num_steps).toBe(60)
  expect(names.map(({ name }) => name).sort()).toEqual(['conversation_search', 'memory_insert'])
  expect((await world.ask('GET', `/v1/runs/${id}/usage`)).body).toMatchObject({
    prompt_tokens: 6_000,
    completion_tokens: 600,
    total_tokens: 6_600,
    step_count: 60,
    cached_input_tokens: 1_200,
    reasoning_tokens: 180,
    prompt_tokens_details: { cached_tokens: 1_200, cache_read_tokens: 1_200 },
    completion_tokens_details: { reasoning_tokens: 180 },
  })
})

describe('5. usage', () => {
  /** The usage of a run whose one step has these details. */
  async function usageWith(prompt: JsonObject | null, completion: JsonObject | null): Promise<JsonObject> {
    const talk = await Talk.open(world)
    await talk.say('hello')
    const { id } = await lastRun(talk)
    await sql`update steps set prompt_tokens_details = ${prompt && JSON.stringify(prompt)}::jsonb,
      completion_tokens_details = ${completion && JSON.stringify(completion)}::jsonb where run_id = ${id}`.execute(
      world.db,
    )
    return (await world.ask('GET', `/v1/runs/${id}/usage`)).body
  }

  it.each([
    { name: 'nothing reported', details: null, cached: null, written: null },
    { name: 'reported as none', details: { cached_tokens: 0 }, cached: null, written: null },
    { name: 'one key', details: { cached_tokens: 7 }, cached: 7, written: null },
    { name: 'the other key', details: { cache_read_tokens: 8 }, cached: 8, written: null },
    {
      name: 'both keys are one count',
      details: { cached_tokens: 7, cache_read_tokens: 7 },
      cached: 7,
      written: null,
    },
    {
      name: 'the first key holds unless it is 0',
      details: { cached_tokens: 0, cache_read_tokens: 8, cache_creation_tokens: 9 },
      cached: 8,
      written: 9,
    },
  ])('cached and written: $name', async ({ details, cached, written }) => {
    expect(await usageWith(details, null)).toMatchObject({
      cached_input_tokens: cached,
      cache_write_tokens: written,
    })
  })

  it.each([
    { name: 'nothing reported', details: null, reasoning: null },
    { name: 'reported as none', details: { reasoning_tokens: 0 }, reasoning: null },
    { name: 'reported', details: { reasoning_tokens: 5 }, reasoning: 5 },
  ])('reasoning: $name', async ({ details, reasoning }) => {
    expect(await usageWith(null, details)).toMatchObject({ reasoning_tokens: reasoning })
  })

  it('a step keeps null for what its provider did not report, and 0 in the details for none', async () => {
    const talk = await Talk.open(world)
    await talk.say('[[usage 100 10 0 0 0]] hello')
    const [step] = (await world.ask('GET', `/v1/steps/?agent_id=${talk.agent}`)).body
    expect(step).toMatchObject({
      cached_input_tokens: null,
      cache_write_tokens: null,
      reasoning_tokens: null,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    })
  })

  it('of a run without steps is nothing, and of one that is not there is 404', async () => {
    const talk = await Talk.open(world)
    await talk.say('[[error 400]]')
    const { id } = await lastRun(talk)
    await sql`delete from steps where run_id = ${id}`.execute(world.db)
    expect((await world.ask('GET', `/v1/runs/${id}/usage`)).body).toMatchObject({
      prompt_tokens: 0,
      total_tokens: 0,
      step_count: 0,
      cached_input_tokens: null,
    })
    expect((await world.ask('GET', '/v1/runs/run-00000000-0000-4000-8000-0000000000aa/usage')).status).toBe(
      404,
    )
  })
})

describe('9. delete', () => {
  it('an active run is refused, unless it is forced: then it is cancelled first', async () => {
    const talk = await Talk.open(world)
    const sending = talk.say('[[sleep 20000]]')
    const { id } = await until(async () => {
      const run = await lastRun(talk)
      return run?.status === 'running' && run
    })
    const refused = await world.ask('DELETE', `/v1/runs/${id}`)
    expect(refused).toMatchObject({ status: 409, body: { run_id: id } })
    expect((await rowOf(id)).status).toBe('running')
    expect((await world.ask('DELETE', `/v1/runs/${id}?force=true`)).status).toBe(200)
    await sending
    expect((await world.ask('GET', `/v1/runs/${id}`)).status).toBe(404)
  })

  it('a finished run is gone with its metrics and stream; its messages and steps stay, without a run', async () => {
    const talk = await Talk.open(world)
    await talk.say(script({ calls: [note('tea')] }, { say: 'Done.' }))
    const { id } = await lastRun(talk)
    const before = await talk.list()
    expect(await world.ask('DELETE', `/v1/runs/${id}`)).toMatchObject({ status: 200, body: null })
    expect(await talk.list()).toEqual(before.map((message) => ({ ...message, run_id: null })))
    const steps = (await world.ask('GET', `/v1/steps/?agent_id=${talk.agent}`)).body
    expect(steps.map((step: JsonObject) => step.run_id)).toEqual([null, null])
    for (const path of ['', '/metrics', '/usage', '/messages', '/stream', '/steps'])
      expect((await world.ask('GET', `/v1/runs/${id}${path}`)).status).toBe(404)
    const { rows } = await sql`select 1 from run_events where run_id = ${id}`.execute(world.db)
    expect(rows).toEqual([])
    expect((await world.ask('DELETE', `/v1/runs/${id}`)).status).toBe(404)
    expect((await talk.say('and now?')).status).toBe(200)
  })
})
