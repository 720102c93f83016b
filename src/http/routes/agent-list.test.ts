import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../../test/http-world.ts'

let world: HttpWorld
const ids: string[] = []
beforeAll(async () => {
  world = await openHttpWorld()
  for (const [index, tag] of ['odd', 'even', 'odd', 'even'].entries()) {
    const body = { name: `agent ${index + 1}`, model: 'openai-proxy/gpt-4o-mini', tags: ['all', tag] }
    ids.push((await world.ask('POST', '/v1/agents/', body)).body.id)
  }
  await world.ask('POST', '/v1/agents/', { model: 'openai-proxy/gpt-4o-mini', hidden: true, name: 'hidden' })
  const time = { last_run_completion: '2026-01-01T00:00:00Z' }
  await world.ask('PATCH', `/v1/agents/${ids[1]}`, time)
})
afterAll(() => world.close())

/** The numbers of the agents that are listed. */
const list = async (query: string) => {
  const { body } = await world.ask('GET', `/v1/agents/?${query}`)
  return body.map((agent: { name: string }) => Number(agent.name.split(' ')[1]))
}

describe('pages of agents', () => {
  it('begin with the newest, or with the oldest', async () => {
    expect(await list('limit=2')).toEqual([4, 3])
    expect(await list('limit=2&order=asc')).toEqual([1, 2])
    expect(await list('limit=0')).toEqual([4, 3, 2, 1])
  })

  it('go on behind a cursor, in the order asked for', async () => {
    expect(await list(`after=${ids[3]}&limit=2`)).toEqual([3, 2])
    expect(await list(`after=${ids[1]}&order=asc`)).toEqual([3, 4])
  })

  it('go back before a cursor', async () => {
    expect(await list(`before=${ids[0]}&limit=2`)).toEqual([3, 2])
    expect(await list(`before=${ids[3]}&order=asc&limit=2`)).toEqual([2, 3])
  })

  it('ignore a cursor that is gone', async () => {
    expect(await list('after=agent-00000000-0000-4000-8000-0000000000aa')).toEqual([4, 3, 2, 1])
  })

  it('can follow the last change and the last run; those that never ran come last', async () => {
    expect(await list('order_by=updated_at&limit=1')).toEqual([2])
    expect(await list('order_by=last_run_completion')).toHaveLength(4)
    expect((await list('order_by=last_run_completion'))[0]).toBe(2)
    expect((await list('order_by=last_run_completion&order=asc'))[0]).toBe(2)
    const behind = await list(`order_by=last_run_completion&after=${ids[1]}`)
    expect(behind.toSorted()).toEqual([1, 3, 4])
    const [first] = behind
    expect(await list(`order_by=last_run_completion&after=${ids[(first ?? 1) - 1]}`)).toEqual(behind.slice(1))
  })

  it.each(['limit=x', 'limit=-1', 'order=sideways', 'order_by=nonsense', 'match_all_tags=perhaps'])(
    'are not made from %s',
    async (query) => {
      expect((await world.ask('GET', `/v1/agents/?${query}`)).status).toBe(422)
    },
  )
})

describe('filters of agents', () => {
  it.each([
    ['name=agent%201', [1]],
    ['query_text=AGENT', [4, 3, 2, 1]],
    ['query_text=%25', []],
    ['tags=odd', [3, 1]],
    ['tags=odd&tags=even', [4, 3, 2, 1]],
    ['tags=odd&tags=all&match_all_tags=true', [3, 1]],
    ['tags=odd&tags=even&match_all_tags=true', []],
    ['project_id=p', []],
    ['template_id=none', []],
    ['last_stop_reason=end_turn', []],
    ['identity_id=i', []],
    ['created_by_id=user-00000000-0000-4000-8000-000000000000&limit=1', [4]],
  ])('%s finds %j, and counts them', async (query, expected) => {
    expect(await list(query)).toEqual(expected)
    if (query.includes('limit')) return
    expect((await world.ask('GET', `/v1/agents/count?${query}`)).body).toBe(expected.length)
  })

  it('leave hidden agents out, unless they are wanted', async () => {
    expect((await world.ask('GET', '/v1/agents/count')).body).toBe(4)
    expect((await world.ask('GET', '/v1/agents/count?show_hidden_agents=true')).body).toBe(5)
    expect((await world.ask('GET', '/v1/_internal_agents/count?exclude_hidden=false')).body).toBe(5)
  })
})
