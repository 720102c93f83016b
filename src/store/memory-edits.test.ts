import { afterAll, beforeAll, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../../test/server-world.ts'

/** Edits of memory that only the database can refuse, seen through a whole turn. */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

async function send(agent: string, calls: object[]) {
  const turns = JSON.stringify([{ calls }])
  const answer = await world.ask('POST', `/v1/agents/${agent}/messages`, {
    messages: [{ role: 'user', content: `[[script ${turns}]]` }],
  })
  expect(answer.status).toBe(200)
  return answer.body
}

const rename = (to: string) => ({
  name: 'memory',
  args: { command: 'rename', old_path: '/memories/shared', new_path: `/memories/${to}` },
})

it('renaming a shared block to a label that another of its agents uses fails the call, not the run', async () => {
  const tools = { tools: ['memory', 'memory_insert'], include_base_tools: false }
  const shared = await world.ask('POST', '/v1/blocks/', { label: 'shared', value: 'ours' })
  const mine = await world.createAgent({ ...tools, block_ids: [shared.body.id] })
  await world.createAgent({
    block_ids: [shared.body.id],
    memory_blocks: [{ label: 'taken', value: 'theirs' }],
  })

  const refused = await send(mine, [rename('taken')])
  expect(refused.messages[1]).toMatchObject({ message_type: 'tool_return_message', status: 'error' })
  expect(refused.stop_reason.stop_reason).toBe('end_turn')
  expect((await world.ask('GET', `/v1/blocks/${shared.body.id}`)).body.label).toBe('shared')

  const renamed = await send(mine, [rename('free')])
  expect(renamed.messages[1].status).toBe('success')
  expect((await world.ask('GET', `/v1/blocks/${shared.body.id}`)).body.label).toBe('free')
})
