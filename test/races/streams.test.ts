import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { sql } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_ORGANIZATION, type RunId } from '../../src/domain/id.ts'
import { purgeStreams } from '../../src/store/retention.ts'
import { followRun } from '../../src/worker/follow-run.ts'
import {
  endLease,
  eventsOf,
  openReplicas,
  type Replica,
  type Replicas,
  type StreamEvent,
  until,
} from '../replicas.ts'

/** The test of the faster wire needs `redis-server`. */
const HAS_REDIS = spawnSync('redis-server', ['--version']).status === 0
if (!HAS_REDIS) console.warn('R-42 is not tested: there is no redis-server on this machine')

/** Rules R-32 to R-42: what the readers of a run see. `a` drives, `b` looks on. */
let world: Replicas
let a: Replica
let b: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
  b = await world.start()
})
afterAll(() => world.close())

const numbered = (events: StreamEvent[]) =>
  events.map(({ data }) => data.seq_id).filter((seq) => typeof seq === 'number')
const contents = (events: StreamEvent[]) =>
  events
    .filter(({ data }) => data.message_type === 'assistant_message')
    .map(({ data }) => data.content)
    .join('')

/** A run in background that streams tokens, and its first event. */
async function drip(
  replica: Replica,
  text: string,
): Promise<{ agentId: string; runId: string; whole: Promise<StreamEvent[]> }> {
  const agentId = await replica.createAgent()
  const whole = replica.stream(agentId, text, { stream_tokens: true, background: true })
  const runId = await until(async () => {
    const { body } = await replica.ask('GET', `/v1/runs/?agent_id=${agentId}`)
    return body[0]?.id as string | undefined
  })
  return { agentId, runId, whole }
}

async function follow(replica: Replica, runId: string, after: number): Promise<StreamEvent[]> {
  const { body } = await replica.ask(
    'GET',
    `/v1/runs/${runId}/stream?starting_after=${after}&include_pings=true`,
  )
  return eventsOf(body)
}

describe('streams', () => {
  it('R-34: a reader from any number, on any server, gets every number once', async () => {
    const { runId, whole } = await drip(a, '[[drip 60 15]]')
    const during = [0, 1, 2, 5, 17, 30].flatMap((after) =>
      [a, b].map(async (replica) => ({ after, events: await follow(replica, runId, after) })),
    )
    const all = await whole
    const last = numbered(all).at(-1) ?? 0
    expect(numbered(all)).toEqual(Array.from({ length: last }, (_, at) => at + 1))
    for (const { after, events } of await Promise.all(during)) {
      expect(numbered(events)).toEqual(numbered(all).filter((seq) => seq > after))
      expect(events.at(-1)?.data).toBe('[DONE]')
    }
    for (const after of [0, 10, last - 1, last, last + 50])
      expect(numbered(await follow(b, runId, after))).toEqual(numbered(all).filter((seq) => seq > after))
  })

  it('R-32: after a takeover numbers only rise, none has two contents, and the text is that of the second attempt', async () => {
    const { agentId, runId, whole } = await drip(a, '[[drip 80 40]]')
    await until(async () => (await storedSeq(runId)) > 10)
    await endLease(world.db, a)
    const events = await follow(b, runId, 0)
    const seen = numbered(events)
    expect(seen).toEqual([...new Set(seen)].sort((one, two) => one - two))
    expect(events.filter(({ data }) => data.message_type === 'stop_reason')).toHaveLength(1)
    const [stored] = (await b.messages(agentId)).filter(
      (message) => message.message_type === 'assistant_message',
    )
    const ofStored = events.filter(({ data }) => data.id === stored.id)
    expect(contents(ofStored)).toBe(stored.content)
    expect(
      (await b.messages(agentId)).filter((message) => message.message_type === 'assistant_message'),
    ).toHaveLength(1)
    await whole
  })

  it('R-33: the deltas of a run are stored in batches, many in a row, and cost little more than their text', async () => {
    const { runId, whole } = await drip(a, '[[drip 200 5]]')
    await whole
    const { rows } = await sql<{ rows: number; deltas: number; bytes: number }>`
      select count(*) as rows, sum(seq_last - seq + 1) as deltas, sum(octet_length(payload::text)) as bytes
      from run_events where run_id = ${runId} and payload::jsonb ? 'texts'`.execute(world.db)
    const { rows: batches = 0, deltas = 0, bytes = 0 } = rows[0] ?? {}
    expect(deltas).toBe(200)
    expect(batches).toBeLessThan(50)
    expect(bytes / deltas).toBeLessThan(64)
  })

  it('R-36: a follower goes on within two seconds when its listener is cut off', async () => {
    const { runId, whole } = await drip(a, '[[drip 60 50]]')
    const following = follow(b, runId, 0)
    await until(async () => (await storedSeq(runId)) > 10)
    await sql`select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = 'perdure-listener' and datname = current_database()`.execute(world.db)
    expect(numbered(await following)).toEqual(numbered(await whole))
  })

  it('R-36: a follower on another server hears of news before it would look by itself', async () => {
    const { runId, whole } = await drip(a, '[[drip 40 60]]')
    const times = new Map<number, number>()
    const late: number[] = []
    const note = (isDriver: boolean) => (seq: number) => {
      if (isDriver) times.set(seq, performance.now())
      else if (times.has(seq)) late.push(performance.now() - (times.get(seq) ?? 0))
    }
    await Promise.all([read(a, runId, note(true)), read(b, runId, note(false)), whole])
    late.sort((one, two) => one - two)
    expect(late.length).toBeGreaterThan(20)
    expect(late[Math.floor(late.length / 2)]).toBeLessThan(900)
  })

  it('R-37: nobody is told of anything while there is one server', async () => {
    const alone = await openReplicas()
    const heard: string[] = []
    const listener = new pg.Client({ connectionString: alone.databaseUrl })
    try {
      const only = await alone.start()
      await listener.connect()
      listener.on('notification', ({ payload }) => {
        const { runs } = JSON.parse(payload ?? '{}')
        if (runs.length > 0) heard.push(...runs)
      })
      await listener.query('listen perdure_runs')
      const agentId = await only.createAgent()
      await only.stream(agentId, '[[drip 20 10]]', { stream_tokens: true })
      await listener.query('select 1')
      expect(heard).toEqual([])
    } finally {
      await listener.end()
      await alone.close()
    }
  })

  it('R-38: a cancel on another server ends every stream once, and nothing comes behind it', async () => {
    const { runId, whole } = await drip(a, '[[drip 400 50]]')
    const following = follow(b, runId, 0)
    await until(async () => (await storedSeq(runId)) > 10)
    await b.ask(
      'POST',
      `/v1/agents/${(await b.ask('GET', `/v1/runs/${runId}`)).body.agent_id}/messages/cancel`,
      {
        run_ids: [runId],
      },
    )
    for (const events of [await whole, await following]) {
      const types = events.map(({ data }) => data.message_type ?? data)
      expect(types.filter((type) => type === 'stop_reason')).toHaveLength(1)
      expect(types.slice(-3)).toEqual(['stop_reason', 'usage_statistics', '[DONE]'])
    }
    expect(await b.status(runId)).toBe('cancelled')
  })

  it('R-38: a reader that has seen everything gets the end at once', async () => {
    const { runId, whole } = await drip(a, 'hello')
    const last = numbered(await whole).at(-1) ?? 0
    expect((await follow(b, runId, last)).map(({ data }) => data)).toEqual(['[DONE]'])
  })

  it('R-39: whoever comes with the same otid gets the run in its own form, or its answer', async () => {
    const agentId = await a.createAgent()
    const messages = [{ role: 'user', content: '[[drip 10 30]]', otid: 'otid-r39' }]
    const path = `/v1/agents/${agentId}/messages`
    const first = a.ask('POST', path, { messages, streaming: true, stream_tokens: true })
    await until(async () => (await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body[0])
    const again = await b.ask('POST', path, { messages, streaming: true, stream_tokens: true })
    const whole = eventsOf((await first).body)
    expect(numbered(eventsOf(again.body))).toEqual(numbered(whole))
    const asJson = await b.ask('POST', path, { messages })
    expect(asJson.body.messages.map(({ content }: { content: string }) => content)).toEqual([contents(whole)])
  })

  it('R-40: a reader whose stream is purged is told so, and before the first byte it gets a 410', async () => {
    const { runId, whole } = await drip(a, 'hello')
    await whole
    await sql`update runs set completed_at = now() - interval '30 days' where id = ${runId}`.execute(world.db)
    await purgeStreams(world.db, 86_400_000)
    const { deps } = b.server.engine
    const reading = followRun(deps, DEFAULT_ORGANIZATION, runId as RunId, 2, new AbortController().signal)
    await expect(reading.next()).rejects.toThrow('no longer kept')
    expect((await b.ask('GET', `/v1/runs/${runId}/stream`)).status).toBe(410)
    const { rows } = await sql<{
      count: number
    }>`select count(*) as count from run_events where run_id = ${runId}`.execute(world.db)
    expect(rows[0]?.count).toBe(0)
  })

  it('R-41: readers that never read hold nothing up', async () => {
    const agentId = await a.createAgent()
    const run = await a.ask('POST', `/v1/agents/${agentId}/messages`, {
      input: '[[drip 50 10]]',
      streaming: true,
      stream_tokens: true,
      background: true,
    })
    const runId = eventsOf(run.body)[0]?.data.run_id
    const stuck = await Promise.all(
      Array.from({ length: 50 }, () => fetch(`${a.server.url}/v1/runs/${runId}/stream`)),
    )
    const second = a.stream(agentId, '[[drip 50 10]]', { stream_tokens: true })
    expect(contents(await second)).toContain('tok50')
    for (const response of stuck) await response.body?.cancel()
  })

  it.skipIf(!HAS_REDIS)(
    'R-42: Redis carries tokens between servers, and when it dies and comes back nothing is missing',
    async () => {
      const port = 20_000 + Math.floor(Math.random() * 10_000)
      let redis = await startRedis(port)
      const settings = { PERDURE_REDIS_URL: `redis://127.0.0.1:${port}` }
      const wired = await openReplicas()
      try {
        const one = await wired.start(settings)
        const two = await wired.start(settings)
        const { runId, whole } = await drip(one, '[[drip 120 25]]')
        const following = follow(two, runId, 0)
        await until(async () => {
          const { rows } = await sql<{
            seq: number
          }>`select coalesce(max(seq_last), 0) as seq from run_events where run_id = ${runId}`.execute(
            wired.db,
          )
          return (rows[0]?.seq ?? 0) > 20
        })
        redis.kill('SIGKILL')
        await once(redis, 'exit')
        redis = await startRedis(port)
        expect(numbered(await following)).toEqual(numbered(await whole))
      } finally {
        await wired.close()
        redis.kill('SIGKILL')
      }
    },
  )
})

async function storedSeq(runId: string): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    select coalesce(max(seq_last), 0) as seq from run_events where run_id = ${runId}`.execute(world.db)
  return rows[0]?.seq ?? 0
}

async function read(replica: Replica, runId: string, onSeq: (seq: number) => void): Promise<void> {
  const response = await fetch(`${replica.server.url}/v1/runs/${runId}/stream`)
  if (!response.body) throw new Error('a stream has a body')
  for await (const text of response.body.pipeThrough(new TextDecoderStream()))
    for (const [, seq] of text.matchAll(/"seq_id":(\d+)/g)) onSeq(Number(seq))
}

async function startRedis(port: number) {
  const child = spawn('redis-server', ['--port', String(port), '--save', '', '--bind', '127.0.0.1'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await new Promise<void>((ready) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('Ready to accept')) ready()
    })
  })
  return child
}
