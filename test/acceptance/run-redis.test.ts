import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventsOf, openReplicas, type Replica, type Replicas, type StreamEvent, until } from '../replicas.ts'

const HAS_REDIS = spawnSync('redis-server', ['--version']).status === 0
if (!HAS_REDIS) console.warn('26 is not tested: there is no redis-server on this machine')

/** Every other test of this list runs without Redis. Here two servers have one, and it dies in the middle of a run. */
describe.skipIf(!HAS_REDIS)('26. Redis dies in mid-run', () => {
  let world: Replicas
  let a: Replica
  let b: Replica
  let redis: ChildProcess
  let agentId: string
  let whole: StreamEvent[]
  let followed: StreamEvent[]
  beforeAll(async () => {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    redis = await startRedis(port)
    world = await openReplicas()
    const settings = { PERDURE_REDIS_URL: `redis://127.0.0.1:${port}` }
    a = await world.start(settings)
    b = await world.start(settings)
    agentId = await a.createAgent()
    const streaming = a.stream(agentId, '[[drip 60 30]]', { stream_tokens: true, background: true })
    const run = await until(async () => (await b.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body[0])
    const following = b.ask('GET', `/v1/runs/${run.id}/stream`)
    await until(() => world.mock.log().some(({ tokensSent = 0 }) => tokensSent > 20))
    await publish(port, `perdure:run:${run.id}`, [
      'garbage',
      'null',
      '{"from":"elsewhere"}',
      '{"from":"elsewhere","frames":[null]}',
      '{"from":"elsewhere","frames":[{"seq":9,"frame":{"kind":"of tomorrow"}}]}',
    ])
    redis.kill('SIGKILL')
    await once(redis, 'exit')
    whole = await streaming
    followed = eventsOf((await following).body)
  })
  afterAll(async () => {
    redis.kill('SIGKILL')
    await world?.close()
  })

  const numbersOf = (events: StreamEvent[]) => events.flatMap(({ data }) => data.seq_id ?? [])

  it('a reader on the other server misses nothing, whatever else was said on the wire', () => {
    expect(numbersOf(followed)).toEqual(numbersOf(whole))
    expect(followed.at(-1)?.data).toBe('[DONE]')
  })

  it('a run that begins afterwards is read on the other server', async () => {
    const streaming = a.stream(agentId, '[[drip 20 20]]', { stream_tokens: true })
    const run = await until(async () => (await b.ask('GET', '/v1/runs/?active=true')).body[0])
    const { body } = await b.ask('GET', `/v1/runs/${run.id}/stream`)
    expect(numbersOf(eventsOf(body))).toEqual(numbersOf(await streaming))
  })

  it('a cancel on the other server ends the run and its stream', async () => {
    const streaming = a.stream(agentId, '[[drip 400 50]]', { stream_tokens: true })
    await until(async () => (await b.ask('GET', '/v1/runs/?statuses=running')).body[0])
    expect((await b.ask('POST', `/v1/agents/${agentId}/messages/cancel`, {})).status).toBe(200)
    const stops = (await streaming).filter(({ data }) => data.message_type === 'stop_reason')
    expect(stops).toMatchObject([{ data: { stop_reason: 'cancelled' } }])
  })

  it('a repeat on the other server is the same run', async () => {
    const messages = [{ role: 'user', content: '[[sleep 300]] again', otid: 'otid-26' }]
    const both = [a, b].map((server) => server.ask('POST', `/v1/agents/${agentId}/messages`, { messages }))
    const [one, two] = await Promise.all(both)
    expect(one?.status).toBe(200)
    expect(two?.body.messages).toEqual(one?.body.messages)
  })

  it('messages to both servers have their turns one after the other', async () => {
    const sent = await Promise.all([a.sendAsync(agentId, 'one'), b.sendAsync(agentId, 'two')])
    const runs = await Promise.all(sent.map((runId) => b.ended(runId)))
    expect(runs.map(({ status }) => status)).toEqual(['completed', 'completed'])
  })
})

async function startRedis(port: number): Promise<ChildProcess> {
  const options = ['--port', String(port), '--save', '', '--bind', '127.0.0.1']
  const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'ignore'] })
  await new Promise<void>((ready) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('Ready to accept')) ready()
    })
  })
  return child
}

async function publish(port: number, channel: string, texts: string[]): Promise<void> {
  const redis = new Redis(port)
  for (const text of texts) await redis.publish(channel, text)
  redis.disconnect()
}
