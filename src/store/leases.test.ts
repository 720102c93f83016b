import { sql } from 'kysely'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../test/http-world.ts'
import { DEFAULT_ORGANIZATION, newId, type ProcessId, type RunId } from '../domain/id.ts'
import { claimRun } from './leases.ts'
import { createProcess } from './processes.ts'

let world: HttpWorld

beforeAll(async () => {
  world = await openHttpWorld()
})
afterAll(() => world.close())

it('a run that two claim at once has one driver', async () => {
  const runId = await abandonedRun()
  const [first, second] = [await process(), await process()]
  const claims = await world.db.transaction().execute(async (tx) => {
    const claimed = await claimRun(tx, DEFAULT_ORGANIZATION, runId, first)
    const waiting = claimRun(world.db, DEFAULT_ORGANIZATION, runId, second)
    await vi.waitFor(async () => expect(await waitingStatements()).toBeGreaterThan(0), 10_000)
    return { claimed, waiting }
  })
  expect(claims.claimed?.lease.owner).toBe(first)
  expect(await claims.waiting).toBeUndefined()
})

/** A run whose driver has died: its process is gone. */
async function abandonedRun(): Promise<RunId> {
  const agent = await world.ask('POST', '/v1/agents', { model: 'openai-proxy/gpt-4o-mini' })
  const { id: conversationId } = await world.db
    .selectFrom('conversations')
    .where('agent_id', '=', agent.body.id)
    .select('id')
    .executeTakeFirstOrThrow()
  const id = newId('run')
  await world.db
    .insertInto('runs')
    .values({
      organization_id: DEFAULT_ORGANIZATION,
      id,
      agent_id: agent.body.id,
      conversation_id: conversationId,
      in_default_conversation: true,
      status: 'running',
      holds_turn: true,
      lease_owner: newId('process'),
    })
    .execute()
  return id
}

async function process(): Promise<ProcessId> {
  const id = newId('process')
  await createProcess(world.db, id, 'test', 30_000)
  return id
}

async function waitingStatements(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'
  `.execute(world.db)
  return rows[0]?.count ?? 0
}
