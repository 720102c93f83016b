import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { openHook } from '../hook.ts'
import { type MockLlm, startMockLlm } from '../mock-llm/server.mjs'
import { eventsOf, openReplicas, until } from '../replicas.ts'
import { endsOf, followFrom, numbersOf, rising, streamUntilCut } from './cut-streams.ts'
import { type Client, type Death, KilledServer } from './killed-server.ts'

/**
 * Goal: for each instant at which a process may die, what its clients and agents find afterwards is what was promised.
 * Method: a story of its own for each instant; afterwards the agent's records must hold together and it must answer.
 */
vi.setConfig({ maxConcurrency: 2, testTimeout: 60_000 })

let mock: MockLlm
beforeAll(async () => {
  mock = await startMockLlm()
})
afterAll(() => mock.close())

type Story = (killed: KilledServer, agentId: string) => Promise<void>

/** Plays a story, and looks whether what it leaves is whole. */
async function play(death: Death, story: Story, agent: JsonObject = {}): Promise<void> {
  const killed = await KilledServer.start(mock, death)
  try {
    const agentId = await killed.createAgent(agent)
    await story(killed, agentId)
    await killed.endedRuns(agentId)
    expect(await killed.wrongIn(agentId)).toEqual([])
    expect((await killed.next.send(agentId, 'And now?')).body.stop_reason.stop_reason).toBe('end_turn')
  } finally {
    await killed.close()
  }
}

const statuses = async (killed: KilledServer, agentId: string) =>
  (await killed.endedRuns(agentId)).map(({ status }) => status)
const keyed = (content: string) => ({ messages: [{ role: 'user', content, otid: 'otid-1' }] })
/** The server lives long enough to answer the request. */
const LATER = '[[sleep 200]]'
const noteCall = (name: string) => `${LATER} [[call ${name} {"note":"acted"}]]`
const returnsOf = async (killed: KilledServer, agentId: string): Promise<string[]> =>
  (await killed.next.messages(agentId)).flatMap(({ tool_return: text }) => (text === undefined ? [] : [text]))
const notes = (killed: KilledServer) => [...killed.outside.counts.values()]
const memory = async (killed: KilledServer, agentId: string) =>
  (await killed.next.ask('GET', `/v1/agents/${agentId}/core-memory/blocks/human`)).body.value

describe.concurrent('21. kill -9', () => {
  it('before admission commit: the client has no answer, nothing is stored, and a retry executes once', () =>
    play('before_admission:1', async (killed, agentId) => {
      const path = `/v1/agents/${agentId}/messages`
      await expect(killed.victim.ask('POST', path, keyed('hello'))).rejects.toThrow()
      const next = await killed.restart()
      expect(await statuses(killed, agentId)).toEqual([])
      expect((await next.ask('POST', path, keyed('hello'))).status).toBe(200)
      expect(await statuses(killed, agentId)).toEqual(['completed'])
    }))

  it('after commit, before response: a retry with the same otid attaches to the same run', () =>
    play('after_admission:1', async (killed, agentId) => {
      const path = `/v1/agents/${agentId}/messages`
      await expect(killed.victim.ask('POST', path, keyed('hello'))).rejects.toThrow()
      const next = await killed.restart()
      const again = await next.ask('POST', path, keyed('hello'))
      const [run, ...others] = await killed.endedRuns(agentId)
      expect(others).toEqual([])
      expect(again.body.messages).toMatchObject([{ content: 'echo: hello', run_id: run?.id }])
    }))

  it('queue wait: what waits still waits, in its order', () =>
    play('by_hand', async (killed, agentId) => {
      const { victim } = killed
      const first = await victim.sendAsync(agentId, '[[sleep 700]] first')
      await until(async () => (await victim.status(first)) === 'running')
      await victim.sendAsync(agentId, 'second')
      await victim.sendAsync(agentId, 'third')
      await victim.process.kill()
      const next = await killed.restart()
      expect(await statuses(killed, agentId)).toEqual(['completed', 'completed', 'completed'])
      const said = (await next.messages(agentId)).map(({ content }) => content).slice(1)
      expect(said).toEqual([
        '[[sleep 700]] first',
        'echo: first',
        'second',
        'echo: second',
        'third',
        'echo: third',
      ])
    }))

  it('mid-LLM stream: the same run goes on, a reader gets the rest, one final answer is in the history', () =>
    play('mid_stream:12', async (killed, agentId) => {
      const seen = await streamUntilCut(killed.victim.url, agentId, { input: '[[drip 20 20]]' })
      const next = await killed.restart()
      const rest = await followFrom(next.url, seen)
      const numbers = numbersOf([...seen, ...rest])
      expect(numbers).toEqual(rising(numbers))
      expect(endsOf([...seen, ...rest])).toEqual(['stop_reason', '[DONE]'])
      const answers = (await next.messages(agentId)).filter(
        ({ message_type: type }) => type === 'assistant_message',
      )
      expect(answers).toHaveLength(1)
      const streamed = rest.filter(({ data }) => data.id === answers[0].id).map(({ data }) => data.content)
      expect(streamed.join('')).toBe(answers[0].content)
    }))

  it('between LLM answer and tool: a tool that may run again runs once', () =>
    play('after_journal:1', async (killed, agentId) => {
      await killed.victim.sendAsync(agentId, noteCall('note_by_key'))
      await killed.restart()
      expect(await statuses(killed, agentId)).toEqual(['completed'])
      expect(notes(killed)).toEqual([1])
    }))

  it.each(['before_checkpoint:1', 'after_checkpoint:1'] as const)(
    'during a memory tool (%s): the edit is applied exactly once',
    (death) =>
      play(death, async (killed, agentId) => {
        const append = `${LATER} [[call core_memory_append {"label":"human","content":"likes tea"}]]`
        await killed.victim.sendAsync(agentId, append)
        await killed.restart()
        expect(await statuses(killed, agentId)).toEqual(['completed'])
        expect((await memory(killed, agentId)).match(/likes tea/g)).toHaveLength(1)
      }),
  )

  it('during an external tool: one that may not run again is not run again, and the agent is told', () =>
    play('in_tool', async (killed, agentId) => {
      await killed.victim.sendAsync(agentId, noteCall('note_outside'))
      await killed.restart()
      expect(await statuses(killed, agentId)).toEqual(['completed'])
      expect(notes(killed)).toEqual([1])
      expect(await returnsOf(killed, agentId)).toEqual([expect.stringContaining('unknown')])
    }))

  it('during an external tool: one that may run again does, under the same key', () =>
    play('in_tool', async (killed, agentId) => {
      await killed.victim.sendAsync(agentId, noteCall('note_by_key'))
      await killed.restart()
      expect(await statuses(killed, agentId)).toEqual(['completed'])
      expect(notes(killed)).toEqual([2])
      expect(await returnsOf(killed, agentId)).toEqual([expect.stringContaining('noted')])
    }))

  it('after tool, before commit: what is in the ledger is used again', () =>
    play('after_journal:2', async (killed, agentId) => {
      const edit = '[[call core_memory_append {"label":"human","content":"likes tea"}]]'
      const text = `[[call note_outside {"note":"one"}]] ${edit} [[call note_outside {"note":"two"}]]`
      await killed.victim.sendAsync(agentId, text)
      await killed.restart()
      expect(await statuses(killed, agentId)).toEqual(['completed'])
      expect([...killed.outside.counts]).toEqual([['one', 1]])
      expect((await memory(killed, agentId)).match(/likes tea/g)).toHaveLength(1)
      const { tool_returns: returns } = (await killed.next.messages(agentId)).find(
        ({ message_type: type }) => type === 'tool_return_message',
      )
      expect(returns.map(({ status }: { status: string }) => status)).toEqual(['success', 'success', 'error'])
    }))

  it('between last step commit and terminal update: the next server ends the run, and asks no model again', () =>
    play(
      'after_checkpoint:1',
      async (killed, agentId) => {
        const word = `last-${agentId}`
        await killed.victim.sendAsync(agentId, `${LATER} [[usage 125000 50]] ${word}`)
        await killed.restart()
        expect(await statuses(killed, agentId)).toEqual(['completed'])
        const asked = mock.log({ contains: word }).filter(({ answer }) => answer?.text === `echo: ${word}`)
        expect(asked).toHaveLength(1)
      },
      { compaction_settings: SUMMARY },
    ))

  it('between last step commit and terminal update, with an approval open: it can be answered', () =>
    play(
      'after_checkpoint:1',
      async (killed, agentId) => {
        await needApproval(killed, agentId)
        await killed.victim.sendAsync(agentId, `[[usage 125000 50]] ${noteCall('note_outside')}`)
        const next = await killed.restart()
        const [run] = await killed.endedRuns(agentId)
        expect(run).toMatchObject({ status: 'completed', stop_reason: 'requires_approval' })
        const asked = (await next.messages(agentId)).find(
          ({ message_type: type }) => type === 'approval_request_message',
        )
        expect((await approve(next, agentId, asked)).status).toBe(200)
        expect(notes(killed)).toEqual([1])
      },
      { compaction_settings: SUMMARY },
    ))

  it.each([
    { death: 'before_callback:1', delivered: 1 },
    { death: 'after_callback:1', delivered: 2 },
  ] as const)(
    'during callback delivery ($death): delivered at least once, as one job',
    ({ death, delivered }) =>
      play(death, async (killed, agentId) => {
        const hook = await openHook(() => 200)
        try {
          const body = { input: 'hello', callback_url: hook.url }
          await killed.victim.ask('POST', `/v1/agents/${agentId}/messages/async`, body)
          await killed.restart()
          // The queue gives up on whoever had the job after a minute: as if that were over.
          await sql`update pgboss.job set state = 'retry', start_after = now() where state = 'active'`.execute(
            killed.db,
          )
          await until(() => hook.calls.length === delivered, 50_000)
          const keys = hook.calls.map(({ headers }) => headers['idempotency-key'])
          const [run] = await killed.endedRuns(agentId)
          expect(new Set(keys)).toEqual(new Set([run?.id]))
        } finally {
          await hook.close()
        }
      }),
  )

  it.each([
    { death: 'before_cancel:1', status: 'completed' },
    { death: 'after_cancel:1', status: 'cancelled' },
  ] as const)('during cancel ($death): the run is $status', ({ death, status }) =>
    play(death, async (killed, agentId) => {
      const runId = await killed.victim.sendAsync(agentId, '[[sleep 700]] hello')
      await until(async () => (await killed.victim.status(runId)) === 'running')
      await expect(cancel(killed, agentId, runId)).rejects.toThrow()
      await killed.restart()
      expect(await statuses(killed, agentId)).toEqual([status])
    }),
  )

  it('during cancel of an open approval (before_cancel): it is still open, and can be answered', () =>
    play('before_cancel:1', async (killed, agentId) => {
      const asked = await askForApproval(killed, agentId)
      await expect(cancel(killed, agentId, asked.run_id)).rejects.toThrow()
      const next = await killed.restart()
      expect((await next.send(agentId, 'hello')).status).toBe(409)
      expect((await approve(next, agentId, asked)).status).toBe(200)
      expect(notes(killed)).toEqual([1])
    }))

  it('during cancel of an open approval (after_cancel): it is denied, and the tool has not run', () =>
    play('after_cancel:1', async (killed, agentId) => {
      const asked = await askForApproval(killed, agentId)
      await expect(cancel(killed, agentId, asked.run_id)).rejects.toThrow()
      await killed.restart()
      expect(await statuses(killed, agentId)).toEqual(['cancelled'])
      expect(await returnsOf(killed, agentId)).toEqual([
        expect.stringContaining('request to call tool denied'),
      ])
      expect(notes(killed)).toEqual([])
    }))

  it.each(['before_compaction:1', 'after_compaction:1'] as const)(
    'during compaction (%s): the context is the old or the new one',
    (death) =>
      play(
        death,
        async (killed, agentId) => {
          await killed.victim.sendAsync(agentId, `${LATER} [[usage 125000 50]] a long story`)
          const next = await killed.restart()
          expect(await statuses(killed, agentId)).toEqual(['completed'])
          const { body } = await next.ask('GET', `/v1/agents/${agentId}`)
          expect(body.message_ids).toHaveLength(2)
        },
        { compaction_settings: SUMMARY },
      ),
  )

  it('Redis or NOTIFY down: a reader elsewhere gets everything', async () => {
    const world = await openReplicas()
    try {
      const settings = { PERDURE_REDIS_URL: 'redis://127.0.0.1:1' }
      const [a, b] = [await world.start(settings), await world.start(settings)]
      const agentId = await a.createAgent()
      const whole = a.stream(agentId, '[[drip 30 20]]', { stream_tokens: true })
      const run = await until(async () => (await b.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body[0])
      const deaf = setInterval(() => void endBackends(world.db, 'perdure-listener'), 100)
      const { body } = await b.ask('GET', `/v1/runs/${run.id}/stream`)
      clearInterval(deaf)
      expect(numbersOf(eventsOf(body))).toEqual(numbersOf(await whole))
    } finally {
      await world.close()
    }
  })

  it('database restart: the turn pauses and goes on, and its reader sees no error', async () => {
    const world = await openReplicas()
    try {
      const server = await world.start()
      const agentId = await server.createAgent({ tools: ['core_memory_append'] })
      const turns = [
        { call: ['core_memory_append', { label: 'human', content: 'likes tea' }], sleep: 300 },
        { say: 'I have noted that you like tea.', drip: [20, 40] },
      ]
      const whole = server.stream(agentId, `[[script ${JSON.stringify(turns)}]]`, { stream_tokens: true })
      await until(async () => (await world.db.selectFrom('runs').select('id').execute()).length === 1)
      for (const end = Date.now() + 1_000; Date.now() < end; ) await endBackends(world.db, '')
      const events = await whole
      expect(events.filter(({ event }) => event === 'error')).toEqual([])
      expect(endsOf(events)).toEqual(['stop_reason', '[DONE]'])
      const { body } = await server.ask('GET', `/v1/agents/${agentId}/core-memory/blocks/human`)
      expect(body.value.match(/likes tea/g)).toHaveLength(1)
    } finally {
      await world.close()
    }
  })
})

const SUMMARY = { model: 'openai-proxy/gpt-4o-mini', mode: 'all' }

async function cancel({ victim }: KilledServer, agentId: string, runId: string) {
  return victim.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [runId] })
}

async function needApproval({ victim }: KilledServer, agentId: string) {
  const path = `/v1/agents/${agentId}/tools/approval/note_outside?requires_approval=true`
  await victim.ask('PATCH', path, {})
}

/** The request of a tool that needs an approval. */
async function askForApproval(killed: KilledServer, agentId: string) {
  await needApproval(killed, agentId)
  const { body } = await killed.victim.send(agentId, noteCall('note_outside'))
  return body.messages.at(-1)
}

function approve(client: Client, agentId: string, asked: { tool_call: { tool_call_id: string } }) {
  const approvals = [{ type: 'approval', tool_call_id: asked.tool_call.tool_call_id, approve: true }]
  const messages = [{ type: 'approval', approvals }]
  return client.ask('POST', `/v1/agents/${agentId}/messages`, { messages })
}

/** Cuts off connections of one name; of all names when it is empty. */
async function endBackends(db: KilledServer['db'], name: string): Promise<void> {
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and application_name like ${`${name}%`}`
    .execute(db)
    .catch(() => undefined)
}
