import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { expect, it, vi } from 'vitest'
import { openReplicas, until } from '../replicas.ts'

/** Many runs at once. What it costs in time and memory is measured in `bench/`; here, that nothing is asked per stream. */
const RUNS = 50
const READERS_EACH = 2
/** In a second. The deltas of all runs are 125: one statement for each of them, or for each reader, is not possible here. */
const MOST = { flushes: 20, statements: 110 }

it('27. load: fifty runs that stream to three readers each cost no query per stream', {
  timeout: 90_000,
}, async () => {
  const world = await openReplicas()
  try {
    const server = await world.start({ PERDURE_RUNS_MAX: '200', PERDURE_LEASE_MS: '30000' })
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
    const asked = await statementsPerSecond()
    for (const events of await Promise.all(sent)) expect(events.at(-1)?.data).toBe('[DONE]')
    for (const { body } of await Promise.all(read)) expect(body).toMatch(/\[DONE\]\s*$/)
    expect(asked.flushes).toBeGreaterThan(0)
    expect(asked.flushes).toBeLessThan(MOST.flushes)
    expect(asked.statements).toBeLessThan(MOST.statements)
  } finally {
    await world.close()
  }
})

/** What this process asks its database: the server is in it, and the test asks nothing meanwhile. */
async function statementsPerSecond() {
  const query = vi.spyOn(pg.Client.prototype, 'query')
  const from = performance.now()
  await sleep(3_000)
  const seconds = (performance.now() - from) / 1_000
  const texts = query.mock.calls.map(([asked]: unknown[]) => JSON.stringify(asked))
  query.mockRestore()
  const flushes = texts.filter((text) => text.includes('insert into run_events'))
  return { statements: texts.length / seconds, flushes: flushes.length / seconds }
}
