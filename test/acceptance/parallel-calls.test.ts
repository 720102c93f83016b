import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { actingTool, openReplicas, type Replica, type Replicas } from '../replicas.ts'
import { call, note, script } from './talk.ts'

/** Several calls of one answer. Goal: what depends on the order keeps it, and only what may run side by side does. */
let world: Replicas
let server: Replica
let happened: string[] = []
beforeAll(async () => {
  world = await openReplicas()
  const acting = (name: string, enableParallelExecution: boolean) => ({
    ...actingTool(name, async () => {
      happened.push(`${name} begins`)
      await new Promise((done) => setTimeout(done, 100))
      happened.push(`${name} ends`)
      return `${name} done`
    }),
    enableParallelExecution,
  })
  server = await world.start({}, [acting('look', true), acting('listen', true), acting('open_door', false)])
})
afterAll(() => world.close())
beforeEach(() => {
  happened = []
})

async function sent(...calls: { name: string; args: JsonObject }[]) {
  const agent = await server.createAgent({
    tools: ['look', 'listen', 'open_door', 'memory_insert'],
    parallel_tool_calls: true,
  })
  const { body } = await server.send(agent, script({ calls }, { say: 'Done.' }))
  return { agent, returns: body.messages[1].tool_returns as { tool_return: string; status: string }[] }
}

describe('acceptance: calls of one answer', () => {
  it('D-45: that may run side by side do', async () => {
    await sent(call('look', {}), call('listen', {}))
    expect(happened.slice(0, 2).sort()).toEqual(['listen begins', 'look begins'])
  })

  it('D-45: wait for an earlier one that may not, and it for them', async () => {
    await sent(call('open_door', {}), call('look', {}), call('listen', {}), call('open_door', {}))
    expect(happened.slice(0, 2)).toEqual(['open_door begins', 'open_door ends'])
    expect(happened.slice(2, 4).sort()).toEqual(['listen begins', 'look begins'])
    expect(happened.slice(-2)).toEqual(['open_door begins', 'open_door ends'])
  })

  it('have their results in the order of the calls, whichever ended first', async () => {
    const { returns } = await sent(call('look', {}), note('tea'), call('listen', {}))
    expect(returns.map(({ tool_return }) => tool_return.split(' ')[0])).toEqual(['look', '\ntea', 'listen'])
  })

  it('an edit of memory that may run beside others still has its turn, and so have they', async () => {
    const tools = (await server.ask('GET', '/v1/tools/?name=memory_insert')).body
    const flag = async (enable_parallel_execution: boolean) => {
      await world.db
        .updateTable('tools')
        .set({ enable_parallel_execution })
        .where('id', '=', tools[0].id)
        .execute()
    }
    await flag(true)
    const { agent, returns } = await sent(note('tea'), call('look', {}))
    expect(returns.map(({ status }) => status)).toEqual(['success', 'success'])
    expect(happened).toEqual(['look begins', 'look ends'])
    const { value } = (await server.ask('GET', `/v1/agents/${agent}/core-memory/blocks/human`)).body
    expect(value).toContain('tea')
    await flag(false)
  })
})
