import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../../test/server-world.ts'

let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

type Offered = { function: { name: string; description: string } }

/** What the model was told of an agent's tools in its newest turn, by their names. */
async function toldOf(agent: string): Promise<Record<string, string>> {
  const messages = [{ role: 'user', content: 'hello' }]
  const preview = await world.ask('POST', `/v1/agents/${agent}/messages/preview-raw-payload`, { messages })
  const { tools = [] } = preview.body as { tools?: Offered[] }
  return Object.fromEntries(tools.map((tool) => [tool.function.name, tool.function.description]))
}

const describeAs = (name: string, description: string) =>
  sql`update tools set json_schema = jsonb_set(json_schema::jsonb, '{description}', to_jsonb(${description}::text))::json
      where name = ${name}`.execute(world.db)

it('a tool that has changed is the new one in the next turn, whoever changed it', async () => {
  const tools = { tools: ['memory_insert', 'memory_replace'], include_base_tools: false }
  const [one, other] = [await world.createAgent(tools), await world.createAgent(tools)]
  const before = await toldOf(one)
  expect(Object.keys(before).toSorted()).toEqual(['memory_insert', 'memory_replace'])
  expect(await toldOf(other)).toEqual(before)

  await describeAs('memory_insert', 'Puts something in.')
  const after = { ...before, memory_insert: 'Puts something in.' }
  expect([await toldOf(one), await toldOf(other)]).toEqual([after, after])

  await describeAs('memory_insert', before.memory_insert ?? '')
  expect(await toldOf(one)).toEqual(before)
})

it('a tool that is gone is gone from the next turn', async () => {
  const agent = await world.createAgent({
    tools: ['conversation_search', 'core_memory_append'],
    include_base_tools: false,
  })
  expect(Object.keys(await toldOf(agent))).toHaveLength(2)
  await sql`delete from tools where name = 'core_memory_append'`.execute(world.db)
  expect(Object.keys(await toldOf(agent))).toEqual(['conversation_search'])
})
