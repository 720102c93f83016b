import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openReplicas, type Replica, type Replicas, until } from '../replicas.ts'

/** Rules: memory, tools and prompts are changed while agents use them. */
let world: Replicas
let a: Replica
let b: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
  b = await world.start()
})
afterAll(() => world.close())

describe('memory', () => {
  it('R-17: what a person writes between prompt and a rewrite survives, and the model is told what stands there', async () => {
    const { agentId, blockId } = await agentWithBlock('as the model saw it')
    const answer = a.send(
      agentId,
      '[[sleep 700]] [[call memory_rethink {"label":"human","new_memory":"rewritten"}]]',
    )
    await until(async () => (await running(agentId)) !== undefined)
    await b.ask('PATCH', `/v1/blocks/${blockId}`, { value: 'as a person wrote it' })
    const returned = (await answer).body.messages.find(
      ({ tool_return: text }: { tool_return?: string }) => text,
    )
    expect(returned.status).toBe('error')
    expect(returned.tool_return).toContain('as a person wrote it')
    expect(await valueOfBlock(blockId)).toBe('as a person wrote it')
  })

  it('R-17: what is appended meanwhile stands beside what a person writes', async () => {
    const { agentId, blockId } = await agentWithBlock('start')
    const answer = a.send(
      agentId,
      '[[sleep 700]] [[call core_memory_append {"label":"human","content":"of the agent"}]]',
    )
    await until(async () => (await running(agentId)) !== undefined)
    await b.ask('PATCH', `/v1/blocks/${blockId}`, { value: 'of a person' })
    await answer
    expect(await valueOfBlock(blockId)).toBe('of a person\nof the agent')
  })

  it("R-17: the run's own edits are not somebody else's", async () => {
    const { agentId, blockId } = await agentWithBlock('start')
    const calls = ['one', 'two'].map((text) => ({
      calls: [{ name: 'memory_rethink', args: { label: 'human', new_memory: text } }],
    }))
    const sent = await a.send(agentId, `[[script ${JSON.stringify([...calls, { say: 'done' }])}]]`)
    expect(sent.body.stop_reason.stop_reason).toBe('end_turn')
    expect(await valueOfBlock(blockId)).toBe('two')
  })

  it('R-18: many agents append to one block at once, and no line is lost', async () => {
    const AGENTS = 12
    const LINES = 5
    const { body: block } = await a.ask('POST', '/v1/blocks/', { label: 'shared', value: 'top' })
    const agentIds = await Promise.all(
      Array.from({ length: AGENTS }, (_, at) =>
        (at % 2 ? a : b).createAgent({ block_ids: [block.id], tools: ['core_memory_append'] }),
      ),
    )
    await Promise.all(
      agentIds.map(async (agentId, agent) => {
        const turns = Array.from({ length: LINES }, (_, line) => ({
          calls: [
            { name: 'core_memory_append', args: { label: 'shared', content: `line ${agent}-${line}` } },
          ],
        }))
        const server = agent % 2 ? a : b
        const sent = await server.send(agentId, `[[script ${JSON.stringify([...turns, { say: 'done' }])}]]`)
        expect(sent.body.stop_reason.stop_reason).toBe('end_turn')
      }),
    )
    const lines = (await valueOfBlock(block.id)).split('\n')
    expect(lines).toHaveLength(1 + AGENTS * LINES)
    expect(new Set(lines).size).toBe(1 + AGENTS * LINES)
  })

  it('R-19: an edit of a block writes no row of the agents that have it, and each shows it in its next request', async () => {
    const { body: block } = await a.ask('POST', '/v1/blocks/', { label: 'shared', value: 'before' })
    const agentIds = await Promise.all(
      Array.from({ length: 15 }, () => a.createAgent({ block_ids: [block.id] })),
    )
    const before = await rowsOf(agentIds)
    await a.ask('PATCH', `/v1/blocks/${block.id}`, { value: 'the newest word' })
    expect(await rowsOf(agentIds)).toEqual(before)
    await Promise.all(agentIds.map((id, at) => (at % 2 ? a : b).send(id, `what is new, ${id}?`)))
    for (const id of agentIds) {
      const [request] = world.mock.log({ contains: id })
      expect(JSON.stringify(request?.body)).toContain('the newest word')
    }
  })

  it('R-19: a list of messages shows the system message as it would be read now', async () => {
    const { agentId, blockId } = await agentWithBlock('before')
    await b.ask('PATCH', `/v1/blocks/${blockId}`, { value: 'the newest word' })
    const [system] = await a.messages(agentId)
    expect(system.content).toContain('the newest word')
  })
})

describe('an agent that is changed during a step', () => {
  it('R-20: a tool that is detached between reply and execution is not run', async () => {
    const { agentId, blockId } = await agentWithBlock('start')
    const { body: tools } = await a.ask('GET', `/v1/agents/${agentId}/tools`)
    const tool = tools.find(({ name }: { name: string }) => name === 'core_memory_append')
    const answer = a.send(
      agentId,
      '[[sleep 700]] [[call core_memory_append {"label":"human","content":"never"}]]',
    )
    await until(async () => (await running(agentId)) !== undefined)
    await b.ask('PATCH', `/v1/agents/${agentId}/tools/detach/${tool.id}`)
    const returned = (await answer).body.messages.find(
      ({ tool_return: text }: { tool_return?: string }) => text,
    )
    expect(returned.status).toBe('error')
    expect(await valueOfBlock(blockId)).toBe('start')
  })

  it('R-20: a tool that needs approval by the time it is called is not run', async () => {
    const { agentId, blockId } = await agentWithBlock('start')
    const answer = a.send(
      agentId,
      '[[sleep 700]] [[call core_memory_append {"label":"human","content":"asked first"}]]',
    )
    await until(async () => (await running(agentId)) !== undefined)
    await b.ask('PATCH', `/v1/agents/${agentId}/tools/approval/core_memory_append`, {
      requires_approval: true,
    })
    const { body } = await answer
    expect(body.stop_reason.stop_reason).toBe('end_turn')
    expect(await valueOfBlock(blockId)).toBe('start')
  })

  it('R-20: a change of the system text counts from the next step on', async () => {
    const { agentId } = await agentWithBlock('start')
    const turns = [
      { sleep: 700, calls: [{ name: 'core_memory_append', args: { label: 'human', content: 'x' } }] },
      { say: 'done' },
    ]
    const answer = a.send(agentId, `[[script ${JSON.stringify(turns)}]]`)
    await until(async () => (await running(agentId)) !== undefined)
    await b.ask('PATCH', `/v1/agents/${agentId}`, { system: `You are new, ${agentId}.` })
    expect((await answer).body.stop_reason.stop_reason).toBe('end_turn')
    expect(world.mock.log({ contains: `You are new, ${agentId}.` })).toHaveLength(1)
  })
})

async function agentWithBlock(value: string): Promise<{ agentId: string; blockId: string }> {
  const { body: block } = await a.ask('POST', '/v1/blocks/', { label: 'human', value })
  const agentId = await a.createAgent({
    memory_blocks: [],
    block_ids: [block.id],
    tools: ['core_memory_append', 'memory_rethink'],
  })
  return { agentId, blockId: block.id }
}

async function valueOfBlock(id: string): Promise<string> {
  return (await a.ask('GET', `/v1/blocks/${id}`)).body.value
}

async function running(agentId: string): Promise<string | undefined> {
  const { body } = await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)
  const run = body.find(({ status }: { status: string }) => status === 'running')
  if (!run) return undefined
  const asked = world.mock.log({ contains: 'sleep' }).length > 0
  return asked ? run.id : undefined
}

/** The versions of what belongs to agents: a row that was written has another. */
async function rowsOf(agentIds: string[]) {
  const { rows } = await sql`
    select 'agents' as kind, id, xmin::text as version from agents where id = any(${sql.val(agentIds)}::text[])
    union all
    select 'conversations', id, xmin::text from conversations where agent_id = any(${sql.val(agentIds)}::text[])
    union all
    select 'messages', id, xmin::text from messages where agent_id = any(${sql.val(agentIds)}::text[])
    order by 1, 2`.execute(world.db)
  return rows
}
