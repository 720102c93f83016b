import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { actingTool, endLease, openReplicas, type Replica, type Replicas, until } from '../replicas.ts'

/** Rules: whose writes count, and who goes on when a driver is gone. */
let world: Replicas
let a: Replica
let b: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
  b = await world.start()
})
afterAll(() => world.close())

describe('leases', () => {
  it('R-7: of a checkpoint and a cancel that want the same row the first wins, and the other changes nothing', async () => {
    for (const first of ['cancel', 'checkpoint'] as const) {
      const agentId = await a.createAgent()
      const runId = await a.sendAsync(agentId, '[[sleep 700]] hello')
      await until(async () => (await a.status(runId)) === 'running')
      const scope = await holdScope(agentId)
      if (first === 'checkpoint') await waiters(1)
      const cancelled = b.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [runId] })
      await waiters(first === 'cancel' ? 1 : 2)
      if (first === 'cancel') await waiters(2)
      await scope.release()
      expect((await cancelled).status).toBe(200)
      const ended = await a.ended(runId)
      expect(ended.status).toBe(first === 'cancel' ? 'cancelled' : 'completed')
      const types = (await a.messages(agentId)).map(({ message_type: type }) => type)
      const answered = first === 'checkpoint' ? ['assistant_message'] : []
      expect(types).toEqual(['system_message', 'user_message', ...answered])
    }
  })

  it('R-7: a driver that has lost its run says so, and neither the run nor the process fails of it', async () => {
    const agentId = await a.createAgent()
    const runId = await a.sendAsync(agentId, '[[sleep 600]] hello')
    await until(async () => (await a.status(runId)) === 'running')
    await sql`update runs set lease_epoch = lease_epoch + 1, lease_owner = null where id = ${runId}`.execute(
      world.db,
    )
    await until(() => a.observations.some((seen) => seen.type === 'run_lost' && seen.runId === runId))
    expect((await a.ended(runId)).status).toBe('completed')
    expect(a.observations.filter(({ type }) => type === 'run_crashed')).toEqual([])
    expect(await typesOf(agentId)).toEqual(['user_message', 'assistant_message'])
  })

  it('R-9: a sign of life is one small row, whatever the runs, and does not wait for the pool', async () => {
    const alone = await openReplicas()
    try {
      const busy = await alone.start({ PERDURE_DATABASE_CONNECTIONS: '2', PERDURE_LEASE_MS: '1500' })
      const agentIds = await Promise.all(Array.from({ length: 12 }, () => busy.createAgent()))
      const runs = await Promise.all(agentIds.map((id) => busy.sendAsync(id, '[[sleep 15000]] long')))
      await until(async () => (await versionsOf(alone, runs)).every(({ status }) => status === 'running'))
      // That the answers went out is noted a moment later.
      await until(async () => (await versionsOf(alone, runs)).every(({ noted }) => noted))
      const before = await versionsOf(alone, runs)
      const pool = busy.server.engine.deps.db
      const held = [sql`select pg_sleep(4)`.execute(pool), sql`select pg_sleep(4)`.execute(pool)]
      const lease = await leaseUntil(alone)
      await Promise.all(held)
      expect(await leaseUntil(alone)).toBeGreaterThan(lease + 3_000)
      expect(await versionsOf(alone, runs)).toEqual(before)
      expect(busy.observations.filter(({ type }) => type === 'lease_lost' || type === 'run_lost')).toEqual([])
      for (const id of agentIds) await busy.ask('POST', `/v1/agents/${id}/messages/cancel`, {})
    } finally {
      await alone.close()
    }
  })

  it('R-10: a lease that ends in mid-stream: one answer, one end, the usage of the second attempt, two calls', async () => {
    const agentId = await a.createAgent()
    const text = '[[drip 60 40]] [[usage 1000 200]] taken-over'
    const whole = a.stream(agentId, text, { stream_tokens: true, background: true })
    const runId = await until(async () => (await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body[0]?.id)
    await until(async () => (await storedSeq(runId)) > 5)
    await endLease(world.db, a)
    expect((await b.ended(runId)).status).toBe('completed')
    const events = await whole
    const count = (type: string) => events.filter(({ data }) => data.message_type === type).length
    expect({ stop: count('stop_reason'), usage: count('usage_statistics') }).toEqual({ stop: 1, usage: 1 })
    expect(await typesOf(agentId)).toEqual(['user_message', 'assistant_message'])
    const usage = (await b.ask('GET', `/v1/runs/${runId}/usage`)).body
    expect({ prompt: usage.prompt_tokens, completion: usage.completion_tokens }).toEqual({
      prompt: 1000,
      completion: 200,
    })
    expect(world.mock.log({ contains: 'taken-over' })).toHaveLength(2)
  })

  it('R-11: graceful restarts use up no attempts: after five in one tool the run completes', async () => {
    const alone = await openReplicas()
    let starts = 0
    const work = actingTool(
      'work_long',
      async ({ signal }) => {
        starts += 1
        if (starts <= 5) await aborted(signal)
        return 'done at last'
      },
      { idempotent: true },
    )
    try {
      const start = () => alone.start({ PERDURE_DRAIN_MS: '50' }, [work])
      let current = await start()
      const agentId = await current.createAgent({ tools: ['work_long'] })
      const runId = await current.sendAsync(agentId, '[[call work_long {"note":"x"}]]')
      for (let restart = 1; restart <= 5; restart++) {
        await until(() => starts === restart)
        await current.stop()
        current = await start()
      }
      expect((await current.ended(runId)).status).toBe('completed')
      expect(JSON.stringify(await current.messages(agentId))).toContain('done at last')
    } finally {
      await alone.close()
    }
  })

  it('R-11: who stops says so, answers readers, and takes nothing in', async () => {
    const alone = await openReplicas()
    try {
      const stopping = await alone.start({ PERDURE_READINESS_ENFORCED: 'true' })
      const agentId = await stopping.createAgent()
      const runId = await stopping.sendAsync(agentId, '[[sleep 2000]]')
      await until(async () => (await stopping.status(runId)) === 'running')
      const stopped = stopping.stop()
      expect(await stopping.ask('GET', '/v1/ready')).toMatchObject({ status: 503 })
      const refused = await stopping.send(agentId, 'too late')
      expect(refused).toMatchObject({ status: 503, body: { detail: expect.stringContaining('stopping') } })
      expect(refused.headers.get('retry-after')).toBe('1')
      const { body } = await stopping.ask('GET', `/v1/runs/${runId}/stream`)
      expect(body).toContain('"stop_reason":"end_turn"')
      await stopped
    } finally {
      await alone.close()
    }
  })

  it('R-10: what a tool gives when its driver has lost the run is dropped', async () => {
    const alone = await openReplicas()
    const calls: string[] = []
    const obedient = (name: string) =>
      actingTool('obey', async ({ signal }) => {
        calls.push(name)
        if (name === 'lost') await aborted(signal)
        return `result of ${name}`
      })
    try {
      const lost = await alone.start({}, [obedient('lost')])
      const agentId = await lost.createAgent({ tools: ['obey'] })
      const runId = await lost.sendAsync(agentId, '[[call obey {"note":"x"}]]')
      await until(() => calls.length === 1)
      lost.server.engine.worker.drain()
      await endLease(alone.db, lost)
      await until(() => lost.observations.some(({ type }) => type === 'run_lost'))
      const other = await alone.start({}, [obedient('other')])
      expect((await other.ended(runId)).status).toBe('completed')
      const returned = (await other.messages(agentId)).find(({ tool_return: text }) => text)
      expect(returned.tool_return).toContain('unknown')
      expect(calls).toEqual(['lost'])
    } finally {
      await alone.close()
    }
  })

  it('R-12: with every job of the queue deleted and a driver gone, every run still ends', async () => {
    const agentIds = await Promise.all(Array.from({ length: 4 }, () => a.createAgent()))
    const sent = await Promise.all(
      agentIds.flatMap((id) => [a.sendAsync(id, '[[sleep 800]] first'), b.sendAsync(id, 'second')]),
    )
    await until(async () => (await a.status(sent[0] ?? '')) === 'running')
    await sql`delete from pgboss.job`.execute(world.db)
    await endLease(world.db, a)
    for (const runId of sent) expect((await b.ended(runId)).status).toBe('completed')
  })

  it('R-12: a job wakes and does not own: one for a driven run does nothing, and runs that ended leave none', async () => {
    // The other one's lease was ended by the test before, which it may not know yet.
    const agentId = await b.createAgent()
    const runId = await b.sendAsync(agentId, '[[sleep 1500]] wake')
    await until(async () => (await b.status(runId)) === 'running')
    await sql`update pgboss.job set start_after = now() where singleton_key = ${runId}`.execute(world.db)
    expect((await b.ended(runId)).status).toBe('completed')
    expect(world.mock.log({ contains: '[[sleep 1500]] wake' })).toHaveLength(1)
    await until(async () => (await openJobs(runId)) === 0)
  })
})

/** Locks the scope's row as any writer does, until it is released. */
async function holdScope(agentId: string) {
  let release: () => void = () => undefined
  const released = new Promise<void>((done) => {
    release = done
  })
  let locked: () => void = () => undefined
  const isLocked = new Promise<void>((done) => {
    locked = done
  })
  const held = world.db.transaction().execute(async (tx) => {
    await sql`select from conversations where agent_id = ${agentId} for no key update`.execute(tx)
    locked()
    await released
  })
  await isLocked
  return {
    release: async () => {
      release()
      await held
    },
  }
}

/** Waits until so many statements wait for a lock. */
async function waiters(count: number): Promise<void> {
  await until(async () => {
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`.execute(world.db)
    return (rows[0]?.count ?? 0) >= count
  }, 4_500)
}

const typesOf = async (agentId: string) =>
  (await b.messages(agentId))
    .map(({ message_type: type }) => type)
    .filter((type) => type !== 'system_message')

/** A row that somebody wrote has another version. */
async function versionsOf({ db }: Replicas, runs: string[]) {
  const { rows } = await sql<{ id: string; status: string; version: string; noted: boolean }>`
    select id, status, xmin::text as version, response_sent_at is not null as noted from runs where id = any(${sql.val(runs)}::text[]) order by id`.execute(
    db,
  )
  return rows
}

async function leaseUntil({ db }: Replicas): Promise<number> {
  const { rows } = await sql<{ until: string }>`select max(lease_until) as until from processes`.execute(db)
  return Date.parse(rows[0]?.until ?? '')
}

async function storedSeq(runId: string): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    select coalesce(max(seq_last), 0) as seq from run_events where run_id = ${runId}`.execute(world.db)
  return rows[0]?.seq ?? 0
}

async function openJobs(runId: string): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) as count from pgboss.job where singleton_key = ${runId} and state < 'completed'`.execute(
    world.db,
  )
  return rows[0]?.count ?? 0
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((done) => signal.addEventListener('abort', () => done(), { once: true }))
}
