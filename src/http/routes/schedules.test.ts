import Letta from '@letta-ai/letta-client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../../../test/server-world.ts'
import { DEFAULT_ORGANIZATION } from '../../domain/id.ts'
import type { ScheduleId } from '../../domain/schedule.ts'
import { fireSchedule } from '../../worker/fire-schedule.ts'

/** The official client's resource is the wire. */
let world: ServerWorld
let client: Letta
beforeAll(async () => {
  world = await openServerWorld()
  client = new Letta({ baseURL: world.url, apiKey: 'none', maxRetries: 0 })
})
afterAll(() => world.close())

const daily = { type: 'recurring' as const, cron_expression: '0 9 * * *' }
const hello = [{ role: 'user' as const, content: 'Good morning' }]

const runsOf = async (agentId: string) => (await client.runs.list({ agent_id: agentId })).items
const fire = (id: string, dueAt: string) => {
  const { deps, worker } = world.server.engine
  const job = { organizationId: DEFAULT_ORGANIZATION, scheduleId: id as ScheduleId, dueAt }
  return fireSchedule(deps, worker, { allow: [] }, job)
}

describe('a message at a time', () => {
  it('is sent when the time has come, once, and is gone then', async () => {
    const agentId = await world.createAgent()
    const at = Date.now() + 1_500
    const created = await client.agents.schedule.create(agentId, {
      messages: hello,
      schedule: { scheduled_at: at },
      max_steps: 3,
    })
    expect(Date.parse(created.next_scheduled_at ?? '')).toBe(at)
    expect(await runsOf(agentId)).toEqual([])

    await expect
      .poll(async () => (await runsOf(agentId)).map(({ status }) => status), { timeout: 20_000 })
      .toEqual(['completed'])
    const [run] = await runsOf(agentId)
    expect(Date.parse(run?.created_at ?? '')).toBeGreaterThanOrEqual(at)
    expect(run?.metadata).toMatchObject({ scheduled_message_id: created.id })
    await expect
      .poll(async () => (await client.agents.schedule.list(agentId)).scheduled_messages, { timeout: 5_000 })
      .toEqual([])
    const { items } = await client.agents.messages.list(agentId, { order: 'asc' })
    expect(items.find(({ message_type }) => message_type === 'user_message')).toMatchObject({
      content: 'Good morning',
    })
  })

  it('that is over, or means nothing, is refused', async () => {
    const agentId = await world.createAgent()
    const create = (schedule: Record<string, unknown>) =>
      world.ask('POST', `/v1/agents/${agentId}/schedule`, { messages: hello, schedule: schedule as never })
    expect((await create({ scheduled_at: Date.now() - 120_000 })).status).toBe(422)
    expect((await create({ type: 'recurring', cron_expression: '* * * * * *' })).status).toBe(422)
    expect((await create({ type: 'recurring', cron_expression: '0 9 * * *', timezone: 'Mars' })).status).toBe(
      422,
    )
    expect((await create({})).status).toBe(422)
    expect(
      (await world.ask('POST', `/v1/agents/${agentId}/schedule`, { messages: [], schedule: daily })).status,
    ).toBe(422)
  })
})

describe('a recurring message', () => {
  it('is sent at each of its times, however often one is told', async () => {
    const agentId = await world.createAgent()
    const created = await client.agents.schedule.create(agentId, { messages: hello, schedule: daily })
    const first = created.next_scheduled_at ?? ''
    await Promise.all([fire(created.id, first), fire(created.id, first)])
    await fire(created.id, first)
    expect(await runsOf(agentId)).toHaveLength(1)

    const later = await client.agents.schedule.retrieve(created.id, { agent_id: agentId })
    expect(Date.parse(later.next_scheduled_time ?? '') - Date.parse(first)).toBe(24 * 3_600_000)
    await fire(created.id, new Date(later.next_scheduled_time ?? '').toISOString())
    expect(await runsOf(agentId)).toHaveLength(2)
  })

  it('goes on though a message of it cannot be sent', async () => {
    const agentId = await world.createAgent()
    const image = { type: 'image' as const, source: { type: 'url', url: 'http://10.0.0.1/x.png' } }
    const created = await client.agents.schedule.create(agentId, {
      messages: [{ role: 'user', content: [image as never] }],
      schedule: daily,
    })
    await expect(fire(created.id, created.next_scheduled_at ?? '')).rejects.toThrow('inside')
    const { next_scheduled_time } = await client.agents.schedule.retrieve(created.id, { agent_id: agentId })
    expect(Date.parse(next_scheduled_time ?? '')).toBeGreaterThan(Date.parse(created.next_scheduled_at ?? ''))
  })
})

describe('schedules of an agent', () => {
  it('end with the agent', async () => {
    const agentId = await world.createAgent()
    const created = await client.agents.schedule.create(agentId, { messages: hello, schedule: daily })
    await client.agents.delete(agentId)
    await fire(created.id, created.next_scheduled_at ?? '')
    const left = world.db
      .selectFrom('schedules')
      .where('id', '=', created.id as ScheduleId)
      .select('id')
    expect(await left.execute()).toEqual([])
  })

  it('are shown as they were made, page by page, and forgotten', async () => {
    const agentId = await world.createAgent()
    const ids: string[] = []
    for (const minute of [1, 2, 3]) {
      const schedule = { type: 'recurring' as const, cron_expression: `${minute} 9 * * 1-5` }
      ids.unshift((await client.agents.schedule.create(agentId, { messages: hello, schedule })).id)
    }
    const page = await client.agents.schedule.list(agentId, { limit: '2' })
    expect(page.scheduled_messages.map(({ id }) => id)).toEqual(ids.slice(0, 2))
    expect(page.has_next_page).toBe(true)
    const rest = await client.agents.schedule.list(agentId, { limit: '2', after: ids[1] ?? '' })
    expect(rest).toMatchObject({ has_next_page: false, scheduled_messages: [{ id: ids[2] }] })
    expect(rest.scheduled_messages[0]).toMatchObject({
      agent_id: agentId,
      message: {
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Good morning' }] }],
        max_steps: 50,
      },
      schedule: { type: 'recurring', cron_expression: '1 9 * * 1-5' },
    })

    const id = ids[0] ?? ''
    expect(await client.agents.schedule.delete(id, { agent_id: agentId })).toEqual({ success: true })
    await fire(id, rest.scheduled_messages[0]?.next_scheduled_time ?? '')
    expect(await runsOf(agentId)).toEqual([])
    const missing = await world.ask('GET', `/v1/agents/${agentId}/schedule/${id}`)
    expect(missing.status).toBe(404)
    const other = await world.createAgent()
    expect((await world.ask('GET', `/v1/agents/${other}/schedule/${ids[1]}`)).status).toBe(404)
  })
})
