import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../../test/server-world.ts'

/** Agents that tend the memory of another in the background, seen through the front door. */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

async function createTended(frequency?: number) {
  const agent = await world.createAgent({
    enable_sleeptime: true,
    memory_blocks: [{ label: 'human', value: 'Ann.' }],
  })
  const { body } = await world.ask('GET', `/v1/agents/${agent}?include=agent.managed_group`)
  const group = body.managed_group
  if (frequency !== undefined) {
    await world.db
      .updateTable('groups')
      .set({ sleeptime_agent_frequency: frequency })
      .where('id', '=', group.id)
      .execute()
  }
  return { agent, group, partner: group.agent_ids[0] }
}

async function say(agent: string, text: string): Promise<string[] | null> {
  const { body } = await world.ask('POST', `/v1/agents/${agent}/messages`, {
    messages: [{ role: 'user', content: text }],
  })
  for (const run of body.usage.run_ids ?? []) await endOf(run)
  return body.usage.run_ids
}

async function endOf(run: string) {
  for (;;) {
    const { body } = await world.ask('GET', `/v1/runs/${run}`)
    if (!['created', 'running'].includes(body.status)) return body
  }
}

describe('an agent whose memory is tended', () => {
  it('has a partner with the same model and the same blocks', async () => {
    const { agent, group, partner } = await createTended()
    expect(group).toMatchObject({ manager_type: 'sleeptime', manager_agent_id: agent, turns_counter: -1 })
    const { body } = await world.ask('GET', `/v1/agents/${partner}?include=agent.blocks`)
    expect(body.agent_type).toBe('sleeptime_agent')
    expect(body.blocks.map((block: { label: string }) => block.label).sort()).toEqual([
      'human',
      'memory_persona',
    ])
    const own = await world.ask('GET', `/v1/agents/${agent}/core-memory/blocks/human`)
    const shared = await world.ask('GET', `/v1/agents/${partner}/core-memory/blocks/human`)
    expect(shared.body.id).toBe(own.body.id)
  })

  it('35: frequency 2: turns 1, 3, 5 report one run id in blocking `usage.run_ids`, turns 2, 4, 6 none', async () => {
    const { agent } = await createTended(2)
    const reported: (number | null)[] = []
    for (let turn = 1; turn <= 6; turn++) reported.push((await say(agent, `turn ${turn}`))?.length ?? null)
    expect(reported).toEqual([1, null, 1, null, 1, null])
  })

  it('is told about from where it was last told, once, with what the user said', async () => {
    const { agent, partner } = await createTended(2)
    await say(agent, 'one')
    await say(agent, 'two')
    await say(agent, 'three')
    const { body } = await world.ask('GET', `/v1/agents/${partner}/messages?order=asc`)
    const told = body.filter((view: { message_type: string }) => view.message_type === 'user_message')
    expect(told).toHaveLength(2)
    expect(told[0].content).toContain('user: one\nassistant: echo: one')
    expect(told[1].content).toContain('user: two\nassistant: echo: two\nuser: three\nassistant: echo: three')
    expect(told[1].content).not.toContain('user: one')
  })

  it('is told no more at once than its model takes, and the rest the next time', async () => {
    const { agent, partner } = await createTended(2)
    await world.ask('PATCH', `/v1/agents/${partner}`, { model: 'openai-proxy/mock-ctx-8000' })
    const runs: string[] = []
    for (const text of ['first', `LARGE ${'word '.repeat(12_000)}`, 'second', 'third', 'fourth'])
      runs.push(...((await say(agent, text)) ?? []))
    const { body } = await world.ask('GET', `/v1/runs/?agent_id=${partner}`)
    expect(body.map(({ status }: { status: string }) => status)).toEqual(runs.map(() => 'completed'))
    const history = await world.ask('GET', `/v1/agents/${partner}/messages?order=asc`)
    const told = JSON.stringify(
      history.body.filter((view: { message_type: string }) => view.message_type === 'user_message'),
    )
    for (const text of ['user: first', 'user: LARGE', 'user: second', 'user: third'])
      expect({ text, times: told.split(text).length - 1 }).toEqual({ text, times: 1 })
  })

  it('is not tended after a turn that failed or waits for an approval', async () => {
    const { agent } = await createTended(1)
    expect(await say(agent, '[[error 400]]').catch(() => null)).toBeNull()
    await world.ask('PATCH', `/v1/agents/${agent}`, {
      tool_rules: [{ type: 'requires_approval', tool_name: 'conversation_search' }],
    })
    expect(await say(agent, '[[call conversation_search {"query":"x"}]]')).toBeNull()
  })

  it('reports the run in the usage of a stream as well', async () => {
    const { agent } = await createTended(1)
    const { body } = await world.ask('POST', `/v1/agents/${agent}/messages/stream`, {
      messages: [{ role: 'user', content: 'hello' }],
    })
    const usage = body.split('\n').find((line: string) => line.includes('usage_statistics'))
    const [run] = JSON.parse(usage.slice('data: '.length)).run_ids
    expect((await endOf(run)).status).toBe('completed')
  })

  it('takes its partner along when it is deleted, and is left by a partner that is', async () => {
    const first = await createTended()
    await world.ask('DELETE', `/v1/agents/${first.agent}`)
    expect((await world.ask('GET', `/v1/agents/${first.partner}`)).status).toBe(404)

    const second = await createTended()
    await world.ask('DELETE', `/v1/agents/${second.partner}`)
    const { body } = await world.ask('GET', `/v1/agents/${second.agent}?include=agent.managed_group`)
    expect(body).toMatchObject({ enable_sleeptime: null, managed_group: null })
  })
})
