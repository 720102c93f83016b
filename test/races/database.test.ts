import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type DatabaseProxy, openDatabaseProxy } from '../database-proxy.ts'
import {
  actingTool,
  endLease,
  eventsOf,
  openReplicas,
  type Replica,
  type Replicas,
  until,
} from '../replicas.ts'
import { SCRIPT, tellStory } from './tell-story.ts'

/** Rules: the database goes away, is slow, is locked, is shared with another release. */
let world: Replicas
let a: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
})
afterAll(() => world.close())

describe('trouble', () => {
  it('R-13: while every connection is cut again and again a run completes, and its reader sees no error', async () => {
    const agentId = await a.createAgent({ tools: ['core_memory_append'] })
    const whole = a.stream(agentId, `[[script ${SCRIPT}]]`, { stream_tokens: true })
    const runId = await until(async () => (await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body[0]?.id)
    let over = false
    const cutting = (async () => {
      while (!over) {
        await sql`select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'perdure' and datname = current_database() and pid <> pg_backend_pid()
            and backend_start < now() - interval '40 milliseconds'`
          .execute(world.db)
          .catch(() => undefined)
        await sleep(60)
      }
    })()
    await sleep(1_500)
    over = true
    await cutting
    const events = await whole
    expect((await a.ended(runId)).status).toBe('completed')
    expect(events.filter(({ event }) => event === 'error')).toEqual([])
    expect(events.filter(({ data }) => data.message_type === 'stop_reason')).toHaveLength(1)
    expect(await memoryOf(agentId)).toBe('x\ny')
    expect(await saidBy(agentId)).toEqual(['looking at it', 'and again', 'done with it'])
  })

  it('R-13: an error that would come again ends the run as failed', async () => {
    const agentId = await a.createAgent()
    await sql`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'no more' using errcode = '23514'; end $$`.execute(world.db)
    await sql`create trigger refuse before insert on messages for each row
      when (new.content::text like '%poisoned answer%' and new.role = 'assistant') execute function refuse()`.execute(
      world.db,
    )
    const sent = await a.send(agentId, '[[say poisoned answer]]')
    await sql`drop trigger refuse on messages`.execute(world.db)
    const [run] = (await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
    expect({ status: run.status, type: run.metadata.error.error_type }).toEqual({
      status: 'failed',
      type: 'internal_error',
    })
    expect(sent.status).toBe(500)
    expect((await a.send(agentId, 'hello')).body.stop_reason.stop_reason).toBe('end_turn')
  })
})

describe('answers to commits that are lost', () => {
  const acts: string[] = []
  const act = actingTool('act_once', () => {
    acts.push('act')
    return 'acted'
  })
  let cut: Replicas
  let proxy: DatabaseProxy
  let c: Replica
  beforeAll(async () => {
    cut = await openReplicas()
    proxy = await openDatabaseProxy(cut.databaseUrl)
    c = await cut.start({ DATABASE_URL: proxy.url }, [act])
  })
  afterAll(async () => {
    proxy.close()
    await cut.close()
  })

  it.each([1, 2, 3])(
    'R-14: of commit %i of a run with a tool: nothing is doubled, nothing is told wrongly',
    async (nth) => {
      const agentId = await c.createAgent({ tools: ['act_once'] })
      acts.length = 0
      proxy.cut(nth)
      const sent = await c.send(agentId, '[[call act_once {"note":"x"}]]')
      expect(proxy.hasCut).toBe(true)
      expect({ status: sent.status, reason: sent.body.stop_reason?.stop_reason }).toEqual({
        status: 200,
        reason: 'end_turn',
      })
      expect(acts).toEqual(['act'])
      expect((await c.messages(agentId)).map(({ message_type: type }) => type)).toEqual([
        'system_message',
        'user_message',
        'tool_call_message',
        'tool_return_message',
        'assistant_message',
      ])
      expect((await c.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body).toHaveLength(1)
      const steps = (await c.ask('GET', `/v1/steps/?agent_id=${agentId}`)).body
      expect(steps.map(({ status }: { status: string }) => status)).toEqual(['success', 'success'])
    },
  )

  it('R-14: of a cancel: the run is cancelled once, and its stream ends once', async () => {
    const agentId = await c.createAgent()
    const streaming = c.stream(agentId, '[[sleep 8000]] long', { background: true })
    const runId = await until(async () => (await c.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body[0]?.id)
    proxy.cut(1)
    const answer = await c.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [runId] })
    expect(proxy.hasCut).toBe(true)
    expect(answer.body).toEqual({ [runId]: 'cancelled' })
    const types = (await streaming).map(({ data }) => data.message_type ?? data)
    expect(types.slice(-3)).toEqual(['stop_reason', 'usage_statistics', '[DONE]'])
    expect(types.filter((type) => type === 'stop_reason')).toHaveLength(1)
    expect((await c.messages(agentId)).map(({ message_type: type }) => type)).toEqual([
      'system_message',
      'user_message',
    ])
  })
})

describe('connections', () => {
  it('R-47: with a pool of one connection everything works: no transaction asks for a second', async () => {
    const alone = await openReplicas()
    try {
      const one = await alone.start({ PERDURE_DATABASE_CONNECTIONS: '1' })
      await tellStory(one)
    } finally {
      await alone.close()
    }
  })

  it('R-47: nothing but statements happens in a transaction: none is open while a model is asked', async () => {
    const agentId = await a.createAgent()
    const runId = await a.sendAsync(agentId, '[[sleep 800]] thinking')
    await until(async () => (await a.status(runId)) === 'running')
    await sleep(300)
    const { rows } = await sql<{ query: string }>`
      select query from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
        and xact_start < now() - interval '200 milliseconds'`.execute(world.db)
    expect(rows).toEqual([])
    await a.ended(runId)
  })

  it('R-47: a request that gets no connection in time is told to come again', async () => {
    const alone = await openReplicas()
    try {
      const one = await alone.start({ PERDURE_DATABASE_CONNECTIONS: '1', PERDURE_LEASE_MS: '30000' })
      const held = sql`select pg_sleep(7)`.execute(one.server.engine.deps.db)
      const answer = await one.ask('GET', '/v1/agents/')
      expect({ status: answer.status, after: Number(answer.headers.get('retry-after')) > 0 }).toEqual({
        status: 503,
        after: true,
      })
      await held
      expect((await one.ask('GET', '/v1/agents/')).status).toBe(200)
    } finally {
      await alone.close()
    }
  })

  it('R-48: a lock that somebody holds on a run for longer than statements wait delays it, and no more', async () => {
    const patient = await world.start({ PERDURE_LEASE_MS: '30000' })
    const agentId = await patient.createAgent()
    const runId = await patient.sendAsync(agentId, '[[sleep 500]] locked')
    await until(async () => (await a.status(runId)) === 'running')
    await world.db.transaction().execute(async (tx) => {
      await sql`select from runs where id = ${runId} for update`.execute(tx)
      await sleep(7_000)
    })
    expect((await patient.ended(runId)).status).toBe('completed')
    expect(patient.observations.some(({ type }) => type === 'database_trouble')).toBe(true)
    expect(await saidBy(agentId)).toEqual(['echo: locked'])
  })

  it('R-48: every connection of the server has its timeouts', async () => {
    const { rows } = await sql<{ name: string; setting: string }>`
      select name, setting from pg_settings
      where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout') order by name`.execute(
      a.server.engine.deps.db,
    )
    expect(rows.map(({ setting }) => setting)).toEqual(['15000', '5000', '30000'])
  })
})

describe('another release', () => {
  it('R-53: a run whose journal is newer is left to those who can read it', async () => {
    const agentId = await a.createAgent()
    // Longer than it takes its driver to hear that the lease is over.
    const runId = await a.sendAsync(agentId, '[[sleep 2500]] newer')
    await until(async () => (await a.status(runId)) === 'running')
    const { rows } = await sql<{ version: number }>`
      update runs set journal_version = journal_version + 1 where id = ${runId} returning journal_version as version`.execute(
      world.db,
    )
    await endLease(world.db, a)
    const before = a.observations.length
    await until(() =>
      a.observations.slice(before).some(({ type }) => type === 'run_lost' || type === 'lease_lost'),
    )
    await sleep(3_000)
    expect(await a.status(runId)).toBe('running')
    await sql`update runs set journal_version = ${(rows[0]?.version ?? 0) - 1} where id = ${runId}`.execute(
      world.db,
    )
    expect((await a.ended(runId)).status).toBe('completed')
  })

  it('R-53: fields that this release does not know are read past, in requests, replies and frames', async () => {
    const agentId = await a.createAgent()
    const runId = await a.sendAsync(agentId, '[[sleep 1000]] later fields')
    await until(async () => (await a.status(runId)) === 'running')
    await sql`update runs set request = request || '{"from_the_future": {"deep": [1]}}' where id = ${runId}`.execute(
      world.db,
    )
    await endLease(world.db, a)
    expect((await a.ended(runId)).status).toBe('completed')
    await sql`update run_events set payload = (payload::jsonb || '{"future": 1}')::json where run_id = ${runId}`.execute(
      world.db,
    )
    const read = await a.ask('GET', `/v1/runs/${runId}/stream`)
    expect(eventsOf(read.body).at(-1)?.data).toBe('[DONE]')
  })
})

describe('rows', () => {
  it('R-54: a large request is written once, however many steps follow', async () => {
    const agentId = await a.createAgent({ tools: ['core_memory_append'] })
    const { body } = await a.ask('POST', `/v1/agents/${agentId}/messages/async`, {
      messages: [
        { role: 'user', content: noise(300_000) },
        { role: 'user', content: `[[script ${SCRIPT}]]` },
      ],
    })
    expect((await a.ended(body.id)).status).toBe('completed')
    const { rows } = await sql<{ toast: string }>`
      select reltoastrelid::regclass::text as toast from pg_class where oid = 'runs'::regclass`.execute(
      world.db,
    )
    const { rows: written } = await sql<{ times: number; bytes: number }>`
      select count(distinct xmin::text) as times, sum(length(chunk_data)) as bytes
      from ${sql.raw(rows[0]?.toast ?? '')} where chunk_id in (
        select chunk_id from ${sql.raw(rows[0]?.toast ?? '')} group by 1 having sum(length(chunk_data)) > 100000
      )`.execute(world.db)
    expect(written[0]?.bytes).toBeGreaterThan(100_000)
    expect(written[0]?.times).toBe(1)
  })
})

/** Text that does not compress. */
function noise(length: number): string {
  let text = ''
  while (text.length < length) text += Math.random().toString(36).slice(2)
  return text
}

async function memoryOf(agentId: string): Promise<string> {
  return (await a.ask('GET', `/v1/agents/${agentId}/core-memory/blocks/human`)).body.value.trim()
}

async function saidBy(agentId: string): Promise<string[]> {
  return (await a.messages(agentId))
    .filter(({ message_type: type }) => type === 'assistant_message')
    .map(({ content }) => content)
}
