import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LivingReplica, openProcesses, type Processes } from '../processes.ts'
import { until } from '../replicas.ts'

/** Rules that need a process which is stopped or killed, or whose clock is wrong. */
let world: Processes
let survivor: LivingReplica

beforeAll(async () => {
  world = await openProcesses()
  survivor = await world.start()
})
afterAll(() => world.close())

const HOUR_AHEAD = `--import=data:text/javascript,${encodeURIComponent(
  'const now = Date.now; Date.now = () => now() + 3_600_000',
)}`

/** Servers are started one after the other. */
const SLOW_MS = 120_000

describe('clocks', () => {
  it('R-8: a server whose clock is an hour ahead loses no run, and takes none', async () => {
    const ahead = await world.start({}, [HOUR_AHEAD])
    const [here, there] = await Promise.all([survivor, ahead].map((server) => server.createAgent()))
    const runs = await Promise.all([
      survivor.sendAsync(here ?? '', '[[sleep 5000]] here'),
      ahead.sendAsync(there ?? '', '[[sleep 5000]] there'),
    ])
    for (const run of runs) expect((await survivor.ended(run)).status).toBe('completed')
    for (const text of ['[[sleep 5000]] here', '[[sleep 5000]] there'])
      expect(world.mock.log({ contains: text })).toHaveLength(1)
    await ahead.process.kill()
  })

  it('R-8: a driver that was stopped for longer than its lease starts no tool and writes nothing', async () => {
    const stopped = await world.start()
    const agentId = await survivor.createAgent({ tools: ['note_outside'] })
    const runId = await stopped.sendAsync(agentId, '[[sleep 1500]] [[call note_outside {"note":"stopped"}]]')
    await until(async () => (await survivor.status(runId)) === 'running')
    process.kill(stopped.process.pid, 'SIGSTOP')
    expect((await survivor.ended(runId)).status).toBe('completed')
    const [epoch, history] = [await epochOf(runId), await survivor.messages(agentId)]
    process.kill(stopped.process.pid, 'SIGCONT')
    await until(async () => (await stopped.status(runId)) === 'completed')
    await new Promise((done) => setTimeout(done, 1_500))
    expect(world.outside.counts.get('stopped')).toBe(1)
    expect([await epochOf(runId), await survivor.messages(agentId)]).toEqual([epoch, history])
    await stopped.process.kill()
  })
})

describe('attempts', () => {
  it(
    'R-11: a run that kills each of its drivers is given up after three takeovers, and its call is answered',
    async () => {
      const alone = await openProcesses()
      try {
        const start = () => alone.start({ PERDURE_LEASE_MS: '1000' })
        const first = await start()
        const agentId = await first.createAgent({ tools: ['kill_server'] })
        const runId = await first.sendAsync(agentId, '[[sleep 200]] [[call kill_server {}]]')
        await first.process.ended
        for (let takeover = 1; takeover <= 3; takeover++) await (await start()).process.ended
        const last = await start()
        const run = await last.ended(runId)
        expect({ status: run.status, type: run.metadata.error.error_type }).toEqual({
          status: 'failed',
          type: 'interrupted',
        })
        const returned = (await last.messages(agentId)).find(({ tool_return: text }) => text)
        expect(returned).toMatchObject({
          status: 'error',
          tool_return: expect.stringMatching(/unknown|may have had/),
        })
        expect((await last.send(agentId, 'and now?')).body.stop_reason.stop_reason).toBe('end_turn')
      } finally {
        await alone.close()
      }
    },
    SLOW_MS,
  )
})

describe('the ledger', () => {
  const NOTES = ['one', 'two', 'three']
  const points = [
    'before_journal:1',
    'after_journal:1',
    'after_tool:1',
    'before_checkpoint:1',
    'after_checkpoint:1',
  ]

  it.each(points)(
    'R-16: three calls that act outside, killed at %s: none acts twice, each has its result',
    async (point) => {
      const dying = await world.start({ PERDURE_FAULT: point })
      const agentId = await survivor.createAgent({ tools: ['note_outside'], parallel_tool_calls: true })
      const notes = NOTES.map((note) => `${point} ${note}`)
      const calls = notes.map((note) => `[[call note_outside ${JSON.stringify({ note })}]]`)
      // The server lives long enough to answer the request.
      const text = ['[[sleep 200]]', ...calls].join(' ')
      const runId = await dying.sendAsync(agentId, text)
      await dying.process.ended
      expect((await survivor.ended(runId)).status).toBe('completed')
      for (const note of notes) expect(world.outside.counts.get(note) ?? 0).toBeLessThanOrEqual(1)
      const returned = (await survivor.messages(agentId)).find(
        ({ message_type: type }) => type === 'tool_return_message',
      )
      expect(returned.tool_returns).toHaveLength(3)
      for (const [at, { tool_return: text }] of returned.tool_returns.entries()) {
        const acted = (world.outside.counts.get(notes[at] ?? '') ?? 0) > 0
        if (acted) expect(text).toMatch(/noted|unknown/)
      }
    },
  )
})

describe('an answer to an approval', () => {
  it.each([
    'after_admission:1',
    'before_journal:1',
    'after_journal:1',
    'after_tool:1',
    'before_checkpoint:1',
  ])(
    'R-29: of a server that is killed at %s: the calls are closed, and the agent takes the next message',
    async (point) => {
      const agentId = await survivor.createAgent({ tools: ['note_outside'] })
      await survivor.ask('PATCH', `/v1/agents/${agentId}/tools/approval/note_outside`, {
        requires_approval: true,
      })
      const note = `answered ${point}`
      const asked = await survivor.send(agentId, `[[call note_outside ${JSON.stringify({ note })}]]`)
      const request = asked.body.messages.find(
        ({ message_type: type }: { message_type: string }) => type === 'approval_request_message',
      )
      const dying = await world.start({ PERDURE_FAULT: point })
      const answer = { type: 'approval', approval_request_id: request.id, approve: true }
      await dying
        .ask('POST', `/v1/agents/${agentId}/messages/async`, { messages: [answer] })
        .catch(() => undefined)
      await dying.process.ended
      await until(async () =>
        (await survivor.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body.every(
          ({ status }: { status: string }) => status === 'completed',
        ),
      )
      expect(world.outside.counts.get(note) ?? 0).toBeLessThanOrEqual(1)
      const returned = (await survivor.messages(agentId)).find(({ tool_return: text }) => text)
      expect(returned.tool_return).toMatch(/noted|unknown/)
      expect((await survivor.send(agentId, 'and now?')).body.stop_reason.stop_reason).toBe('end_turn')
    },
  )
})

describe('what a reader has seen', () => {
  it('R-35: after a kill in mid-stream the pieces of every stored message are its whole text', async () => {
    const dying = await world.start({ PERDURE_FAULT: 'mid_stream:40' })
    const agentId = await survivor.createAgent()
    const seen: string[] = []
    const response = await fetch(`${dying.process.url}/v1/agents/${agentId}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        input: '[[drip 80 15]]',
        streaming: true,
        stream_tokens: true,
        background: true,
      }),
    })
    await readAll(response, seen).catch(() => undefined)
    await dying.process.ended
    const before = eventsIn(seen.join(''))
    const runId = before.find(({ run_id: id }) => id)?.run_id ?? ''
    const last = Math.max(...before.map(({ seq_id: seq }) => seq ?? 0))
    expect((await survivor.ended(runId)).status).toBe('completed')
    const { body } = await survivor.ask('GET', `/v1/runs/${runId}/stream?starting_after=${last}`)
    const all = [...before, ...eventsIn(body)]
    const stored = (await survivor.messages(agentId)).filter(
      ({ message_type: type }) => type === 'assistant_message',
    )
    expect(stored).toHaveLength(1)
    for (const { id, content } of stored) {
      const pieces = all.filter((event) => event.id === id && event.message_type === 'assistant_message')
      expect(pieces.map(({ content: piece }) => piece).join('')).toBe(content)
    }
    const numbers = all.flatMap(({ seq_id: seq, message_type: type }) =>
      type === 'ping' || !seq ? [] : [seq],
    )
    expect(numbers).toEqual([...new Set(numbers)].sort((one, two) => one - two))
  })
})

async function epochOf(runId: string): Promise<number | undefined> {
  const { rows } = await sql<{ epoch: number }>`
    select lease_epoch as epoch from runs where id = ${runId}`.execute(world.db)
  return rows[0]?.epoch
}

async function readAll(response: Response, into: string[]): Promise<void> {
  if (!response.body) throw new Error('a stream has a body')
  for await (const text of response.body.pipeThrough(new TextDecoderStream())) into.push(text)
}

type SeenEvent = { id?: string; run_id?: string; seq_id?: number; message_type?: string; content?: string }

/** Whole events of a stream that may have ended in the middle of one. */
function eventsIn(text: string): SeenEvent[] {
  return text
    .split('\n\n')
    .slice(0, -1)
    .flatMap((block) => {
      const data = /^data: (\{.*)$/m.exec(block)?.[1]
      return data ? [JSON.parse(data)] : []
    })
}
