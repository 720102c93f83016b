import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_ORGANIZATION, DEFAULT_USER, newId } from '../../src/domain/id.ts'
import { openHook } from '../hook.ts'
import { openProcesses } from '../processes.ts'
import { openReplicas, type Replica, type Replicas, until } from '../replicas.ts'

/** Rules: long histories, rows of one moment, orders that differ, jobs that come twice. */
let world: Replicas
let a: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
})
afterAll(() => world.close())

describe('a long history', () => {
  it('R-50: turns read as many rows behind ten thousand messages as behind ten', async () => {
    const [short, long] = [await a.createAgent(), await a.createAgent()]
    for (const id of [short, long]) await a.send(id, 'the beginning')
    await addHistory(short, 10)
    await addHistory(long, 10_000)
    await sql`analyze messages`.execute(world.db)
    const [few, many] = [await rowsReadBy(short), await rowsReadBy(long)]
    expect(few).toBeGreaterThan(0)
    expect(many).toBeLessThanOrEqual(few + 100)
  })

  it('R-50: a turn appends to the list of its context, and rewrites nothing of it', async () => {
    const agentId = await a.createAgent()
    await a.send(agentId, 'one')
    const before = await contextOf(agentId)
    await a.send(agentId, 'two')
    const after = await contextOf(agentId)
    expect(after.slice(0, before.length)).toEqual(before)
    expect(after).toHaveLength(before.length + 2)
  })
})

describe('rows of one moment', () => {
  it.each(['asc', 'desc'])(
    'R-51: runs of one millisecond are each on one page, in order %s',
    async (order) => {
      const agentId = await a.createAgent()
      await addRuns(agentId, 120)
      const seen: string[] = []
      let after = ''
      for (;;) {
        const { body } = await a.ask('GET', `/v1/runs/?agent_id=${agentId}&limit=17&order=${order}${after}`)
        seen.push(...body.map(({ id }: { id: string }) => id))
        if (body.length < 17) break
        after = `&after=${body.at(-1).id}`
      }
      expect(seen).toHaveLength(120)
      expect(new Set(seen).size).toBe(120)
    },
  )

  it('R-51: times keep their microseconds on the way out', async () => {
    const agentId = await a.createAgent()
    await addRuns(agentId, 3)
    const { body } = await a.ask('GET', `/v1/runs/?agent_id=${agentId}&order=asc`)
    expect(body.map(({ created_at: at }: { created_at: string }) => at)).toEqual([
      '2026-03-01T10:00:00.000001Z',
      '2026-03-01T10:00:00.000002Z',
      '2026-03-01T10:00:00.000003Z',
    ])
  })
})

describe('sequences', () => {
  it('R-52: what commits later under a smaller number is told to whoever tends the memory, once', async () => {
    const agentId = await a.createAgent({ enable_sleeptime: true })
    await sql`update groups set sleeptime_agent_frequency = 1 where manager_agent_id = ${agentId}`.execute(
      world.db,
    )
    const { body: conversation } = await a.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {})
    // The slow one takes its number while the other has not begun, and commits when the other is told of.
    const numbered = await holdNumber(agentId, conversation.id, 'SLOW words')
    let tender: string | undefined
    try {
      await a.send(agentId, 'FAST words')
      tender = await until(async () => (await tendersOf(agentId))[0]?.agent_id)
      await until(async () => (await tendersOf(agentId)).every(({ status }) => status === 'completed'))
    } finally {
      await numbered.commit()
    }
    await a.send(agentId, 'LAST words')
    await until(async () => (await tendersOf(agentId)).length === 2)
    await until(async () => (await tendersOf(agentId)).every(({ status }) => status === 'completed'))
    const told = (await a.messages(tender ?? '')).filter(({ message_type: type }) => type === 'user_message')
    const text = told.map(({ content }) => JSON.stringify(content)).join('\n')
    for (const words of ['FAST words', 'SLOW words', 'LAST words'])
      expect({ words, times: text.split(`user: ${words}`).length - 1 }).toEqual({ words, times: 1 })
  })
})

describe('jobs', () => {
  it('R-45: a callback whose server is killed before it is noted comes again, under the same key', async () => {
    const hook = await openHook(() => 200)
    const processes = await openProcesses()
    try {
      // The hook answers, and what would note it is not there any more.
      const first = await processes.start({ PERDURE_LEASE_MS: '1000' })
      const agentId = await first.createAgent()
      const { body } = await first.ask('POST', `/v1/agents/${agentId}/messages/async`, {
        input: 'hello',
        callback_url: hook.url,
      })
      await until(() => hook.calls.length === 1)
      await first.process.kill()
      await sql`update pgboss.job set state = 'created', start_after = now(), completed_on = null
        where name = 'perdure-callback'`.execute(processes.db)
      await processes.start()
      await until(() => hook.calls.length === 2)
      const keys = hook.calls.map(({ headers }) => headers['idempotency-key'])
      expect(keys).toEqual([body.id, body.id])
    } finally {
      await processes.close()
      await hook.close()
    }
  })

  it('R-45: a time of a schedule that is told twice is one run', async () => {
    const agentId = await a.createAgent()
    const at = Date.now() + 1_500
    const { status } = await a.ask('POST', `/v1/agents/${agentId}/schedule`, {
      messages: [{ role: 'user', content: 'on time' }],
      schedule: { scheduled_at: at },
    })
    expect(status).toBeLessThan(300)
    const { rows } = await sql<{ data: object }>`
      select data from pgboss.job where name = 'perdure-schedule' order by created_on desc limit 1`.execute(
      world.db,
    )
    for (let copy = 0; copy < 3; copy++)
      await sql`insert into pgboss.job (name, data, start_after)
        values ('perdure-schedule', ${JSON.stringify(rows[0]?.data)}::jsonb, now())`.execute(world.db)
    await until(async () => (await runsOf(agentId)).length > 0)
    await sleep(3_000)
    expect(await runsOf(agentId)).toHaveLength(1)
  })
})

async function runsOf(agentId: string): Promise<{ status: string; agent_id: string }[]> {
  return (await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
}

/** The runs of those who tend an agent's memory. */
async function tendersOf(agentId: string): Promise<{ status: string; agent_id: string }[]> {
  const { rows } = await sql<{ status: string; agent_id: string }>`
    select status, agent_id from runs where agent_id <> ${agentId}
      and parent_run_id in (select id from runs where agent_id = ${agentId})`.execute(world.db)
  return rows
}

/** A message of another scope whose transaction stays open: its number is taken, and nobody sees it yet. */
async function holdNumber(agentId: string, conversationId: string, text: string) {
  let release: () => void = () => undefined
  const released = new Promise<void>((done) => {
    release = done
  })
  let numbered: () => void = () => undefined
  const isNumbered = new Promise<void>((done) => {
    numbered = done
  })
  const held = world.db.transaction().execute(async (tx) => {
    await tx
      .insertInto('messages')
      .values({
        organization_id: DEFAULT_ORGANIZATION,
        id: newId('message'),
        agent_id: agentId as never,
        conversation_id: conversationId as never,
        role: 'user',
        content: JSON.stringify([{ type: 'text', text }]),
      })
      .execute()
    numbered()
    await released
  })
  await isNumbered
  return {
    commit: async () => {
      release()
      await held
    },
  }
}

async function addHistory(agentId: string, count: number): Promise<void> {
  await sql`
    insert into messages (organization_id, id, agent_id, conversation_id, role, content, search_text)
    select ${DEFAULT_ORGANIZATION}, ${newId('message').slice(0, -12)} || lpad(to_hex(n), 12, '0'), ${agentId},
      (select id from conversations where agent_id = ${agentId} and is_default), 'user',
      '[{"type":"text","text":"old"}]', 'old'
    from generate_series(1, ${count}) as n`.execute(world.db)
}

/** Rows of messages and contexts that some turns fetch. */
async function rowsReadBy(agentId: string): Promise<number> {
  const before = await settled()
  for (let turn = 0; turn < 3; turn++) {
    const { status, body } = await a.send(agentId, 'how many?')
    expect({ status, ...body.stop_reason }).toMatchObject({ status: 200, stop_reason: 'end_turn' })
  }
  return (await settled()) - before
}

/** A connection may keep what it has read to itself for ten seconds; one that ends tells it first, and is replaced. */
async function settled(): Promise<number> {
  await sleep(500)
  const { rows: ended } = await sql<{ pid: number }>`
    select pid, pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'perdure' and pid <> pg_backend_pid()`.execute(
    world.db,
  )
  const pids = ended.map(({ pid }) => pid)
  await until(async () => {
    const { rows } = await sql`select 1 from pg_stat_activity where pid = any(${pids}::int[])`.execute(
      world.db,
    )
    return rows.length === 0
  })
  const { rows } = await sql<{ count: number }>`
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) as count from pg_stat_user_tables
    where relname in ('messages', 'context_items')`.execute(world.db)
  return rows[0]?.count ?? 0
}

async function contextOf(agentId: string) {
  const { rows } = await sql`
    select item.ordinal, item.message_id, item.xmin::text as version from context_items as item
    join conversations on conversations.id = item.conversation_id and conversations.context_epoch = item.epoch
    where conversations.agent_id = ${agentId} order by item.ordinal`.execute(world.db)
  return rows
}

/** Ended runs, a microsecond apart. */
async function addRuns(agentId: string, count: number): Promise<void> {
  await sql`
    insert into runs (organization_id, id, agent_id, conversation_id, in_default_conversation, status, stop_reason,
      completed_at, created_at, created_by_id)
    select ${DEFAULT_ORGANIZATION}, ${newId('run').slice(0, -12)} || lpad(to_hex(n), 12, '0'), ${agentId},
      (select id from conversations where agent_id = ${agentId} and is_default), true, 'completed', 'end_turn', now(),
      timestamptz '2026-03-01 10:00:00Z' + n * interval '1 microsecond', ${DEFAULT_USER}
    from generate_series(1, ${count}) as n`.execute(world.db)
  await sql`
    insert into run_metrics (organization_id, id, agent_id, run_start_ns, created_at)
    select organization_id, id, agent_id, 0, created_at from runs where agent_id = ${agentId}`.execute(
    world.db,
  )
}
