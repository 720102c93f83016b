import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventsOf, openReplicas, type Replica, type Replicas, until } from '../../test/replicas.ts'

/** Two servers: a reader on the one that does not drive reads the log all the time. */
let world: Replicas
let driver: Replica
let other: Replica
beforeAll(async () => {
  world = await openReplicas()
  driver = await world.start()
  other = await world.start()
})
afterAll(() => world.close())

it('a reader and a caller hear nothing of a database that is away for a moment', async () => {
  const agentId = await driver.createAgent()
  const sent = driver.ask('POST', `/v1/agents/${agentId}/messages`, { input: '[[drip 60 40]]' })
  const runId = await until(
    async () => (await other.ask('GET', `/v1/runs/?agent_id=${agentId}&statuses=running`)).body[0]?.id,
  )
  // A request that comes while the database is away may be refused; one that is being answered may not.
  const reading = await fetch(`${other.server.url}/v1/runs/${runId}/stream`)
  const read = reading.text()
  for (const end = Date.now() + 1_500; Date.now() < end; ) await cutOff()
  expect((await sent).body.stop_reason.stop_reason).toBe('end_turn')
  expect(eventsOf(await read).at(-1)?.data).toBe('[DONE]')
})

/** As a restart does, to every connection but the one that asks. */
async function cutOff(): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
    .execute(world.db)
    .catch(() => undefined)
}
