import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { expect, it } from 'vitest'
import { openReplicas, until } from '../replicas.ts'

/** Many runs at once. What it costs in time and memory is measured in `bench/`; here, that nothing is asked per stream. */
const RUNS = 50
const READERS_EACH = 2
/** Heartbeats, flushes of all runs together, and looks of the process, in a second; one query for each delta were 125. */
const COMMITS_MAX = 80

it('27. load: fifty runs that stream to three readers each cost no query per stream', {
  timeout: 90_000,
}, async () => {
  const world = await openReplicas()
  try {
    const server = await world.start({ PERDURE_RUNS_MAX: '200', PERDURE_LEASE_MS: '30000' })
    await leaveTablesAlone()
    const agents = await Promise.all(Array.from({ length: RUNS }, () => server.createAgent()))
    const sent = agents.map((id) =>
      server.stream(id, '[[drip 30 400]]', { stream_tokens: true, background: true }),
    )
    const runs = await until(async () => {
      const { body } = await server.ask('GET', '/v1/runs/?statuses=running&limit=1000')
      return body.length === RUNS && body
    })
    const read = runs.flatMap(({ id }: { id: string }) =>
      Array.from({ length: READERS_EACH }, () => server.ask('GET', `/v1/runs/${id}/stream`)),
    )
    const { hub } = server.server.engine.deps
    await until(() => hub.openCount === RUNS * (1 + READERS_EACH))
    await sleep(500)
    const before = await commits()
    await sleep(3_000)
    expect((await commits()) - before).toBeLessThan(3 * COMMITS_MAX)
    for (const events of await Promise.all(sent)) expect(events.at(-1)?.data).toBe('[DONE]')
    for (const { body } of await Promise.all(read)) expect(body).toMatch(/\[DONE\]\s*$/)
  } finally {
    await world.close()
  }

  /** The database's own cleaning commits as well, a hundred times when it comes. */
  async function leaveTablesAlone(): Promise<void> {
    await sql`do $$ declare one record; begin
      for one in select oid::regclass as name from pg_class where relkind = 'r' and relnamespace::regnamespace::text in ('public', 'pgboss') loop
        execute format('alter table %s set (autovacuum_enabled = false)', one.name);
      end loop;
    end $$`.execute(world.db)
  }

  async function commits(): Promise<number> {
    const { rows } = await sql<{ count: number }>`
      select xact_commit as count from pg_stat_database where datname = current_database()`.execute(world.db)
    return Number(rows[0]?.count)
  }
})
