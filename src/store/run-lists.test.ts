import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestDb } from '../../test/databases.ts'
import type { AgentId, OrganizationId, RunId } from '../domain/id.ts'
import { type RunFilter, type RunPage, readRuns } from './run-lists.ts'
import type { Db } from './schema.ts'

const ORGANIZATION = 'org-00000000-0000-4000-8000-000000000000' as OrganizationId
const PAGE: RunPage = { orderBy: 'created_at', order: 'desc', after: null, before: null, limit: 100 }

let db: Db
/** Forty runs of two agents by turns; the nth took n seconds and n % 3 steps, and each tenth used a tool. */
beforeAll(async () => {
  db = await openTestDb()
  await sql`
    insert into agents (organization_id, id, name, agent_type, system, llm_config)
    select ${ORGANIZATION}, 'agent-' || number, 'an agent', 'letta_v1_agent', '', '{}' from generate_series(0, 1) number
  `.execute(db)
  await sql`
    with new_runs as (
      insert into runs (organization_id, id, agent_id, conversation_id, in_default_conversation, status, stop_reason,
        created_at, completed_at)
      select ${ORGANIZATION}, 'run-' || number, 'agent-' || number % 2, 'conv-1', true, 'completed', 'end_turn',
        now() - interval '1 hour' * number, now() from generate_series(1, 40) number
      returning *)
    insert into run_metrics (organization_id, id, agent_id, run_start_ns, run_ns, num_steps, tools_used, created_at)
    select organization_id, id, agent_id, 0, number * 1000000000::bigint, number % 3,
      case when number % 10 = 0 then array['tool-a', 'tool-b'] end, created_at
    from new_runs cross join lateral (select substr(id, 5)::int as number) named
  `.execute(db)
})
afterAll(() => db.destroy())

async function idsOf(filter: RunFilter, page: Partial<RunPage> = {}): Promise<number[]> {
  const runs = await readRuns(db, ORGANIZATION, filter, { ...PAGE, ...page })
  return runs.map(({ id }) => Number(id.slice('run-'.length)))
}

describe('the list of runs', () => {
  it('has the runs at least as long as a share of them all, also when the share falls between two', async () => {
    expect(await idsOf({ durationPercentile: 95 })).toEqual([39, 40])
  })

  it('counts the share among the runs of the agents that are asked for', async () => {
    expect(await idsOf({ durationPercentile: 90, agentIds: ['agent-0' as AgentId] })).toEqual([38, 40])
  })

  it('pages by duration from the longest on', async () => {
    const first = await idsOf({ agentIds: ['agent-1' as AgentId] }, { orderBy: 'duration', limit: 2 })
    const second = await idsOf(
      { agentIds: ['agent-1' as AgentId] },
      { orderBy: 'duration', limit: 2, after: 'run-37' as RunId },
    )
    expect([first, second]).toEqual([
      [39, 37],
      [35, 33],
    ])
  })

  it('finds what used any of some tools, the newest first', async () => {
    expect(await idsOf({ toolsUsed: ['tool-b', 'tool-z'] })).toEqual([10, 20, 30, 40])
  })

  it('pages through what is found by steps', async () => {
    const stepCount = { value: 2, operator: 'eq' as const }
    expect(await idsOf({ stepCount }, { limit: 3 })).toEqual([2, 5, 8])
    expect(await idsOf({ stepCount }, { limit: 3, after: 'run-8' as RunId })).toEqual([11, 14, 17])
    expect(await idsOf({ stepCount }, { limit: 3, before: 'run-11' as RunId })).toEqual([2, 5, 8])
  })
})
