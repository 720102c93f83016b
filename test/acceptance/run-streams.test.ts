import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { purgeStreams } from '../../src/store/retention.ts'
import { eventsOf, type StreamEvent, until } from '../replicas.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { note, script, Talk } from './talk.ts'

/** What readers of a run see: all of it once, in order, with one end, whenever they come and however often they leave. */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const TOKENS = { streaming: true, stream_tokens: true }
const numbersOf = (events: StreamEvent[]) => events.flatMap(({ data }) => data.seq_id ?? [])
const typesOf = (events: StreamEvent[]) => events.map(({ data }) => data.message_type ?? data)
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, at) => from + at)

async function stream(agentId: string, text: string, more: JsonObject = {}): Promise<StreamEvent[]> {
  const { body } = await world.ask('POST', `/v1/agents/${agentId}/messages`, {
    input: text,
    ...TOKENS,
    ...more,
  })
  return eventsOf(body)
}

/** A finished run in background, with everything that its first reader saw. */
async function backgroundRun() {
  const agentId = await world.createAgent()
  const events = await stream(agentId, '[[drip 8 5]]', { background: true })
  return { runId: String(events[0]?.data.run_id), last: numbersOf(events).at(-1) ?? 0 }
}

async function resume(runId: string, after?: number): Promise<StreamEvent[]> {
  const body = after === undefined ? undefined : { starting_after: after }
  return eventsOf((await world.ask('POST', `/v1/runs/${runId}/stream`, body)).body)
}

describe('17. resume', () => {
  it('from the start, the middle, the last and beyond: the rest, and never a reader that hangs', async () => {
    const { runId, last } = await backgroundRun()
    for (const after of [0, 4, last - 1]) {
      const events = await resume(runId, after)
      expect(numbersOf(events)).toEqual(upTo(last, after + 1))
      expect(typesOf(events).at(-1)).toBe('[DONE]')
    }
    for (const after of [last, last + 100]) expect(typesOf(await resume(runId, after))).toEqual(['[DONE]'])
  })

  it('without a body: from the start', async () => {
    const { runId, last } = await backgroundRun()
    expect(numbersOf(await resume(runId))).toEqual(upTo(last))
  })

  it('by GET, behind Last-Event-ID, whose numbers are the events’ ids', async () => {
    const { runId, last } = await backgroundRun()
    const path = `/v1/runs/${runId}/stream`
    const { body } = await world.ask('GET', path, undefined, { 'last-event-id': '5' })
    expect(numbersOf(eventsOf(body))).toEqual(upTo(last, 6))
    expect([...body.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))).toEqual(upTo(last, 6))
    expect(numbersOf(eventsOf((await world.ask('GET', `${path}?starting_after=5`)).body))).toEqual(
      upTo(last, 6),
    )
  })

  it('of a run in the foreground: refused by POST, told by GET', async () => {
    const agentId = await world.createAgent()
    const events = await stream(agentId, 'hello')
    const path = `/v1/runs/${events[0]?.data.run_id}/stream`
    expect((await world.ask('POST', path, {})).status).toBe(400)
    expect(numbersOf(eventsOf((await world.ask('GET', path)).body))).toEqual(numbersOf(events))
  })

  it('of a run that is not there, or is another organisation’s: 404', async () => {
    const { runId } = await backgroundRun()
    const organization = (await world.ask('POST', '/v1/admin/orgs/', { name: 'Others' })).body
    const user = (
      await world.ask('POST', '/v1/admin/users/', { name: 'Eve', organization_id: organization.id })
    ).body
    for (const [id, headers] of [
      ['run-00000000-0000-4000-8000-0000000000aa', {}],
      [runId, { user_id: user.id }],
    ] as const)
      for (const method of ['GET', 'POST'])
        expect(
          (await world.ask(method, `/v1/runs/${id}/stream`, method === 'POST' ? {} : undefined, headers))
            .status,
        ).toBe(404)
  })

  it('of a run whose stream is kept no longer: 410', async () => {
    const { runId } = await backgroundRun()
    await sql`update runs set completed_at = now() - interval '30 days' where id = ${runId}`.execute(world.db)
    await purgeStreams(world.db, 86_400_000)
    for (const method of ['GET', 'POST']) {
      const body = method === 'POST' ? {} : undefined
      expect((await world.ask(method, `/v1/runs/${runId}/stream`, body)).status).toBe(410)
    }
    expect((await world.ask('GET', `/v1/runs/${runId}`)).status).toBe(200)
  })

  it('of a conversation: by its newest run, by run id, by otid; none is 400, an unknown otid is 404', async () => {
    const agentId = await world.createAgent()
    const conversation = (await world.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {})).body.id
    const path = `/v1/conversations/${conversation}`
    expect((await world.ask('POST', `${path}/stream`, {})).status).toBe(400)
    const messages = [{ role: 'user', content: '[[drip 30 30]]', otid: 'otid-17' }]
    const sending = world.ask('POST', `${path}/messages`, { messages, ...TOKENS, background: true })
    const runId = await until(
      async () => (await world.ask('GET', `/v1/runs/?agent_id=${agentId}&active=true`)).body[0]?.id,
    )
    const bodies = [{}, { run_id: runId }, { otid: 'otid-17', starting_after: 0, batch_size: 1000 }]
    const read = await Promise.all(bodies.map((body) => world.ask('POST', `${path}/stream`, body)))
    const whole = numbersOf(eventsOf((await sending).body))
    for (const { body } of read) expect(numbersOf(eventsOf(body))).toEqual(whole)
    expect((await world.ask('POST', `${path}/stream`, { otid: 'otid-x' })).status).toBe(404)
  }, 40_000)
})

describe('18. sequence numbers: on every chunk, rising by one, and one end', () => {
  it.each([
    { name: 'tokens', more: {} },
    { name: 'steps', more: { stream_tokens: false } },
    { name: 'in background', more: { background: true } },
    { name: 'without pings', more: { include_pings: false } },
  ])('$name', async ({ more }) => {
    const agentId = await world.createAgent({ memory_blocks: [{ label: 'human', value: '' }] })
    const turns = script({ say: 'One moment.', calls: [note('tea')] }, { say: 'It is noted.', drip: [4, 5] })
    const events = await stream(agentId, turns, more)
    const chunks = events.slice(0, -1)
    expect(chunks.every(({ data }) => data.run_id === chunks[0]?.data.run_id)).toBe(true)
    const first = 'include_pings' in more ? 2 : 1
    expect(numbersOf(chunks)).toEqual(upTo(chunks.length + first - 1, first))
    expect(typesOf(events).slice(-3)).toEqual(['stop_reason', 'usage_statistics', '[DONE]'])
    expect(typesOf(events).filter((type) => type === 'stop_reason')).toHaveLength(1)
  })
})

describe('19. errors', () => {
  const CLASSES = [
    ['[[error 401]]', 'llm_authentication'],
    ['[[error 429 after=60]]', 'llm_rate_limit'],
    ['[[error 400]]', 'llm_error'],
    ['[[error quota]]', 'llm_error'],
    ['[[error malformed]]', 'llm_error'],
    ['[[error midstream]] [[drip 20 5]]', 'llm_error'],
    ['[[error cutoff]] [[drip 20 5]]', 'llm_error'],
  ] as const
  it.each(CLASSES)(
    '%s: one stop reason, then %s, and the run says the same when the reader sees it',
    async (text, type) => {
      const agentId = await world.createAgent()
      const response = await fetch(`${world.url}/v1/agents/${agentId}/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' },
        body: JSON.stringify({ input: `${text} hello`, ...TOKENS }),
      })
      let seen = ''
      let run: JsonObject | undefined
      for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        seen += piece
        const [, id] = /"run_id":"(run-[^"]+)"/.exec(seen) ?? []
        if (seen.includes('event: error')) run ??= (await world.ask('GET', `/v1/runs/${id}`)).body
      }
      const events = eventsOf(seen)
      expect(typesOf(events).slice(-4)).toEqual([
        'stop_reason',
        'error_message',
        'usage_statistics',
        '[DONE]',
      ])
      expect(typesOf(events).filter((one) => one === 'stop_reason')).toHaveLength(1)
      const error = events.find(({ event }) => event === 'error')?.data
      expect(error).toMatchObject({ error_type: type, run_id: run?.id })
      expect(run).toMatchObject({ status: 'failed', stop_reason: events.at(-4)?.data.stop_reason })
      const { message, detail } = error ?? {}
      expect(run?.metadata).toMatchObject({ error: { error_type: type, message, detail } })
    },
  )
})

describe('20. a reader that leaves ends nothing', () => {
  const LATER = script(
    { say: 'One.', calls: [note('tea')], sleep: 200 },
    { say: 'Two three four five.', drip: [5, 60] },
  )
  it.each([
    ['before anything is said', () => true],
    ['in the middle of the first answer', (seen: string) => seen.includes('One')],
    ['after the tool', (seen: string) => seen.includes('tool_return_message')],
    ['in the middle of the last answer', (seen: string) => seen.includes('Two')],
  ])('%s: the run completes, and can be read on', async (_, isTime) => {
    const agentId = await world.createAgent({ memory_blocks: [{ label: 'human', value: '' }] })
    const leaving = new AbortController()
    const response = await fetch(`${world.url}/v1/agents/${agentId}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' },
      body: JSON.stringify({ input: LATER, ...TOKENS, background: true }),
      signal: leaving.signal,
    })
    let seen = ''
    for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      seen += piece
      if (isTime(seen)) break
    }
    leaving.abort()
    const before = eventsOf(seen.slice(0, seen.lastIndexOf('\n\n') + 1))
    const runId = String(before[0]?.data.run_id)
    const rest = await resume(runId, numbersOf(before).at(-1) ?? 0)
    const numbers = [...numbersOf(before), ...numbersOf(rest)]
    expect(numbers).toEqual(upTo(numbers.length))
    expect((await world.ask('GET', `/v1/runs/${runId}`)).body.status).toBe('completed')
  })

  it('a blocking caller that leaves: the turn is in the history', async () => {
    const talk = await Talk.open(world)
    const url = `${world.url}/v1/agents/${talk.agent}/messages`
    const body = JSON.stringify({ input: '[[sleep 400]] hello' })
    const headers = { 'content-type': 'application/json' }
    await fetch(url, { method: 'POST', headers, body, signal: AbortSignal.timeout(150) }).catch(
      () => undefined,
    )
    await until(async () => (await talk.list()).at(-1)?.content === 'echo: hello')
  })
})
