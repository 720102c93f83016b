import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { note, script, Talk } from './talk.ts'

/** Steps as they can be found, judged and looked into. */
let world: ServerWorld
let talk: Talk
/** Oldest first. The nth was a minute after the one before it. */
let ids: string[]
beforeAll(async () => {
  world = await openServerWorld()
  talk = await Talk.open(world)
  const calls = ['a', 'b', 'c', 'd'].map((text) => ({ calls: [note(text)] }))
  await talk.say(script(...calls, { say: 'Done.' }))
  const { body } = await world.ask('GET', `/v1/steps/?agent_id=${talk.agent}&order=asc`)
  ids = body.map(({ id }: JsonObject) => id)
  expect(ids).toHaveLength(5)
  for (const [nth, id] of ids.entries())
    await sql`update steps set created_at = ${momentOf(nth)}::timestamptz, trace_id = ${`trace-${nth}`},
      model = ${nth === 3 ? 'another' : 'gpt-4o-mini'}, project_id = ${nth === 4 ? 'project-a' : null},
      tags = ${JSON.stringify(nth === 2 ? ['good', 'short'] : [])}::jsonb, feedback = ${nth === 1 ? 'positive' : null}
      where id = ${id}`.execute(world.db)
})
afterAll(() => world.close())

const momentOf = (nth: number) => `2026-03-01T00:0${nth}:00Z`

async function found(query: string): Promise<number[]> {
  const { status, body } = await world.ask('GET', `/v1/steps/?agent_id=${talk.agent}&order=asc&${query}`)
  expect(status).toBe(200)
  return body.map(({ id }: { id: string }) => ids.indexOf(id))
}

describe('22. steps: the list', () => {
  it.each([
    ['', [0, 1, 2, 3, 4]],
    ['limit=2', [0, 1]],
    ['model=another', [3]],
    ['trace_ids=trace-0&trace_ids=trace-4', [0, 4]],
    ['feedback=positive', [1]],
    ['feedback=negative', []],
    ['has_feedback=true', [1]],
    ['has_feedback=false', [0, 2, 3, 4]],
    ['tags=short&tags=never', [2]],
    ['project_id=project-a', [4]],
    [`start_date=${momentOf(1)}`, [2, 3, 4]],
    [`end_date=${momentOf(3)}`, [0, 1, 2]],
    [`start_date=${momentOf(1)}&end_date=${momentOf(3)}`, [2]],
    [`has_feedback=false&model=gpt-4o-mini&end_date=${momentOf(4)}`, [0, 2]],
  ])('filters: %s', async (query, expected) => {
    expect(await found(query)).toEqual(expected)
  })

  it('pages in either order', async () => {
    const page = async (order: string, cursor = '') =>
      (await world.ask('GET', `/v1/steps/?agent_id=${talk.agent}&limit=2&order=${order}${cursor}`)).body.map(
        ({ id }: { id: string }) => ids.indexOf(id),
      )
    expect(await page('desc')).toEqual([4, 3])
    expect(await page('desc', `&after=${ids[3]}`)).toEqual([2, 1])
    expect(await page('desc', `&before=${ids[1]}`)).toEqual([3, 2])
    expect(await page('asc', `&after=${ids[1]}`)).toEqual([2, 3])
    expect(await page('asc', `&before=${ids[1]}`)).toEqual([0])
  })

  it.each([`start_date=${momentOf(2)}&end_date=${momentOf(1)}`, 'start_date=yesterday'])(
    '%s is 400',
    async (query) => {
      expect((await world.ask('GET', `/v1/steps/?${query}`)).status).toBe(400)
    },
  )
})

describe('22. steps: what is said of one', () => {
  const step = async (path = '') => (await world.ask('GET', `/v1/steps/${ids[0]}${path}`)).body
  const judge = (body: JsonObject) => world.ask('PATCH', `/v1/steps/${ids[0]}/feedback`, body)

  it('feedback is set and cleared; tags stay unless others are given', async () => {
    expect((await judge({ feedback: 'negative', tags: ['wrong'] })).body).toMatchObject({
      feedback: 'negative',
      tags: ['wrong'],
    })
    expect((await judge({ feedback: 'positive' })).body).toMatchObject({
      feedback: 'positive',
      tags: ['wrong'],
    })
    expect((await judge({ tags: [] })).body).toMatchObject({ feedback: null, tags: ['wrong'] })
    expect((await judge({ feedback: null, tags: ['other'] })).body).toMatchObject({
      feedback: null,
      tags: ['other'],
    })
    expect(await step()).toMatchObject({ feedback: null, tags: ['other'] })
  })

  it('the transaction that paid for it is noted', async () => {
    const { status, body } = await world.ask('PATCH', `/v1/steps/${ids[0]}/transaction/paid-1`)
    expect({ status, tid: body.tid }).toEqual({ status: 200, tid: 'paid-1' })
    expect((await step()).tid).toBe('paid-1')
  })

  it('of several traces the newest of the step itself is shown, and all when they are asked for', async () => {
    await sql`insert into provider_traces
      select (jsonb_populate_record(trace, jsonb_build_object('id', 'provider_trace-' || kind, 'call_type', kind,
        'created_at', trace.created_at + ago))).*
      from provider_traces trace, (values ('agent_step', interval '-1 hour'), ('summarization', interval '1 hour')) more (kind, ago)
      where step_id = ${ids[0]}`.execute(world.db)
    const all: JsonObject[] = await step('/trace?all=true')
    expect(all.map(({ call_type: type }) => type).sort()).toEqual([
      'agent_step',
      'agent_step',
      'summarization',
    ])
    const shown = await step('/trace')
    expect(shown).toMatchObject({ call_type: 'agent_step', step_id: ids[0] })
    expect(shown.id).not.toBe('provider_trace-agent_step')
    expect(shown.request_json.messages).toBeDefined()
    expect(await step('/trace')).toEqual((await world.ask('GET', `/v1/telemetry/${ids[0]}`)).body)
  })

  it('D-141: its times add up, and its tool calls are in the ledger', async () => {
    const times = await step('/metrics')
    for (const key of [
      'step_start_ns',
      'llm_request_start_ns',
      'llm_request_ns',
      'tool_execution_ns',
      'step_ns',
    ])
      expect(times[key], key).toBeGreaterThanOrEqual(0)
    expect(times.run_id).toMatch(/^run-/)
    expect(times.step_ns).toBeGreaterThanOrEqual(times.llm_request_ns)
    const { body } = await world.ask('GET', `/v1/perdure/steps/${ids[0]}/tool-executions`)
    expect(body).toMatchObject([{ name: 'memory_insert', state: 'done', status: 'success' }])
  })

  it('its messages are shown as the run shows them', async () => {
    const { run_id: runId } = await step()
    const ofRun: JsonObject[] = (await world.ask('GET', `/v1/runs/${runId}/messages`)).body
    const ofStep: JsonObject[] = await step('/messages')
    expect(ofStep.length).toBeGreaterThan(1)
    expect(ofRun.filter((message) => message.step_id === ids[0])).toEqual(ofStep)
  })
})
