import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { actingTool, openReplicas, type Replica, type Replicas, until } from '../replicas.ts'

/** Rules: runs that are cancelled from anywhere at any moment, and scopes that are forked meanwhile. */
let world: Replicas
/** Drives. */
let a: Replica
/** Cancels. */
let b: Replica

let begun = 0
const hold = actingTool('hold_on', async ({ signal }) => {
  begun += 1
  await new Promise<void>((done) => {
    signal.addEventListener('abort', () => done(), { once: true })
  })
  return 'held'
})

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start({}, [hold])
  b = await world.start({}, [hold])
})
afterAll(() => world.close())

describe('a cancel', () => {
  it('R-24: against the end of the run, many times: one end, one status, a free turn', async () => {
    const agentIds = await Promise.all(Array.from({ length: 5 }, () => a.createAgent()))
    const seen = new Set<string>()
    for (let round = 0; round < 8; round++) {
      await Promise.all(
        agentIds.map(async (agentId, at) => {
          const whole = a.stream(agentId, `[[sleep 60]] round ${round}`, { background: true })
          const runId = await until(async () => (await newest(agentId, round + 1))?.id)
          await sleep(round * 12 + at * 4)
          const answer = await b.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [runId] })
          expect({ status: answer.status, body: answer.body }).toEqual({
            status: 200,
            body: { [runId]: 'cancelled' },
          })
          const types = (await whole).map(({ data }) => data.message_type ?? data)
          expect(types.filter((type) => type === 'stop_reason')).toHaveLength(1)
          expect(types.slice(-3)).toEqual(['stop_reason', 'usage_statistics', '[DONE]'])
          seen.add(await b.status(runId))
        }),
      )
    }
    expect(['completed', 'cancelled']).toEqual(expect.arrayContaining([...seen]))
    const { rows } =
      await sql`select id from runs where holds_turn and agent_id = any(${sql.val(agentIds)}::text[])`.execute(
        world.db,
      )
    expect(rows).toEqual([])
    for (const agentId of agentIds)
      expect((await a.send(agentId, 'free?')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('R-24: of a run that has ended is a success that changes nothing', async () => {
    const agentId = await a.createAgent()
    const runId = await a.sendAsync(agentId, 'short')
    const ended = await a.ended(runId)
    const answer = await b.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [runId] })
    expect(answer.body).toEqual({ [runId]: 'cancelled' })
    expect((await b.ask('GET', `/v1/runs/${runId}`)).body).toEqual(ended)
  })

  it('R-25: while the model thinks leaves the input, and the next message runs at once', async () => {
    const agentId = await a.createAgent()
    const runId = await begin(agentId, '[[sleep 9000]] think')
    await cancel(agentId, runId)
    expect(await typesOf(agentId)).toEqual(['user_message'])
    await answersNext(agentId)
  })

  it('R-25: while the answer streams leaves the input, and the pieces stay in the log', async () => {
    const agentId = await a.createAgent()
    const whole = a.stream(agentId, '[[drip 200 40]]', { stream_tokens: true, background: true })
    const runId = await until(async () => (await newest(agentId, 1))?.id)
    await sleep(600)
    await cancel(agentId, runId)
    expect(
      (await whole).filter(({ data }) => data.message_type === 'assistant_message').length,
    ).toBeGreaterThan(3)
    expect(await typesOf(agentId)).toEqual(['user_message'])
    await answersNext(agentId)
  })

  it('R-25: while one of several tools runs keeps what was done, and says of each other call what became of it', async () => {
    const agentId = await a.createAgent({
      tools: ['hold_on', 'core_memory_append'],
      parallel_tool_calls: true,
    })
    begun = 0
    const edit = '[[call core_memory_append {"label":"human","content":"done before"}]]'
    const later = '[[call core_memory_append {"label":"human","content":"never"}]]'
    const runId = await begin(agentId, `${edit} [[call hold_on {"note":"x"}]] ${later}`)
    await until(() => begun === 1)
    await cancel(agentId, runId)
    expect(await typesOf(agentId)).toEqual(['user_message', 'tool_call_message', 'tool_return_message'])
    const returned = (await b.messages(agentId)).at(-1).tool_returns
    expect(returned.map(({ status }: { status: string }) => status)).toEqual(['success', 'error', 'error'])
    expect(returned[1].tool_return).toMatch(/while it ran/)
    expect(returned[2].tool_return).toMatch(/before it ran/)
    const { body } = await a.ask('GET', `/v1/agents/${agentId}/core-memory/blocks/human`)
    expect(body.value.trim()).toBe('done before')
    const [step] = (await a.ask('GET', `/v1/runs/${runId}/steps`)).body
    expect(step.status).toBe('cancelled')
    await answersNext(agentId)
  })

  it('R-25: of a run that waits for its turn takes it out of the queue', async () => {
    const agentId = await a.createAgent()
    const first = await begin(agentId, '[[sleep 900]] first')
    const second = await a.sendAsync(agentId, 'second')
    await cancel(agentId, second)
    expect((await a.ended(first)).status).toBe('completed')
    await answersNext(agentId)
  })

  it('R-25: while an approval is open denies its calls', async () => {
    const { agentId, runId } = await askForApproval()
    await cancel(agentId, runId)
    const last = (await b.messages(agentId)).at(-1)
    expect({ type: last.message_type, status: last.status }).toEqual({
      type: 'tool_return_message',
      status: 'error',
    })
    await answersNext(agentId)
  })

  it.each(['agent', 'conversation'] as const)(
    'R-25: by %s ends what goes on there, and says when nothing does',
    async (by) => {
      const agentId = await a.createAgent()
      const { body: conversation } = await a.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {})
      const streaming = a.ask('POST', `/v1/conversations/${conversation.id}/messages`, {
        input: '[[sleep 9000]] long',
      })
      const runId = await until(async () => (await newest(agentId, 1))?.id)
      const path =
        by === 'agent'
          ? `/v1/agents/${agentId}/messages/cancel`
          : `/v1/conversations/${conversation.id}/cancel`
      expect((await b.ask('POST', path, {})).body).toEqual({ [runId]: 'cancelled' })
      expect((await streaming).body).toContain('"stop_reason":"cancelled"')
      expect((await b.ask('POST', path, {})).status).toBe(409)
    },
  )

  it('R-26: of a tool that ignores its signal frees the slot; too many such tools, and no new run is begun', async () => {
    const alone = await openReplicas()
    const waiting: (() => void)[] = []
    const deaf = actingTool('never_listen', async () => {
      await new Promise<void>((done) => waiting.push(done))
      return 'late'
    })
    try {
      const one = await alone.start({ PERDURE_RUNS_MAX: '2', PERDURE_ORPHANS_MAX: '4' }, [deaf])
      const agentId = await one.createAgent({ tools: ['never_listen'] })
      for (let round = 1; round <= 4; round++) {
        const runId = await one.sendAsync(agentId, '[[call never_listen {"note":"x"}]]')
        await until(() => waiting.length === round)
        await one.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [runId] })
        expect(await one.status(runId)).toBe('cancelled')
        if (round < 4)
          expect((await one.send(agentId, 'free?')).body.stop_reason.stop_reason).toBe('end_turn')
      }
      const refused = await one.sendAsync(agentId, 'not yet')
      await sleep(1_500)
      expect(await one.status(refused)).toBe('created')
      for (const done of waiting) done()
      expect((await one.ended(refused)).status).toBe('completed')
      expect(JSON.stringify(await one.messages(agentId))).not.toContain('"late"')
    } finally {
      for (const done of waiting) done()
      await alone.close()
    }
  })
})

describe('a fork', () => {
  it('R-31: while an approval is open owes nothing, and leaves the approval alone', async () => {
    const { agentId, request } = await askForApproval()
    const source = (await a.ask('GET', `/v1/agents/${agentId}`)).body.message_ids
    const forked = await b.ask('POST', `/v1/conversations/default/fork?agent_id=${agentId}`, {})
    expect(forked.status).toBe(200)
    expect(forked.body.in_context_message_ids).not.toContain(request.id)
    const said = await b.ask('POST', `/v1/conversations/${forked.body.id}/messages`, {
      input: 'in the fork',
      streaming: false,
    })
    expect(said.body.stop_reason.stop_reason).toBe('end_turn')
    expect((await a.ask('GET', `/v1/agents/${agentId}`)).body.message_ids).toEqual(source)
    const answered = await a.ask('POST', `/v1/agents/${agentId}/messages`, {
      messages: [{ type: 'approval', approval_request_id: request.id, approve: true }],
    })
    expect(answered.body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('R-31: during a run has what was committed before it, and waits for nothing', async () => {
    const agentId = await a.createAgent()
    await a.send(agentId, 'said before')
    const runId = await begin(agentId, '[[sleep 6000]] not yet')
    const start = Date.now()
    const forked = await b.ask('POST', `/v1/conversations/default/fork?agent_id=${agentId}`, {})
    expect(Date.now() - start).toBeLessThan(5_000)
    await b.ask('POST', `/v1/conversations/${forked.body.id}/messages`, {
      input: `what was said, ${runId}?`,
      streaming: false,
    })
    const [request] = world.mock.log({ contains: `what was said, ${runId}?` })
    const contents = JSON.stringify(request?.body)
    expect(contents).toContain('said before')
    expect(contents).not.toContain('not yet')
    expect((await a.ended(runId)).status).toBe('completed')
  })
})

async function begin(agentId: string, text: string): Promise<string> {
  const runId = await a.sendAsync(agentId, text)
  await until(async () => (await a.status(runId)) === 'running')
  return runId
}

/** Cancels from the server that does not drive. */
async function cancel(agentId: string, runId: string): Promise<void> {
  const answer = await b.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [runId] })
  expect(answer.body).toEqual({ [runId]: 'cancelled' })
  expect(await b.status(runId)).toBe('cancelled')
}

async function answersNext(agentId: string): Promise<void> {
  const start = Date.now()
  const next = await b.send(agentId, 'and now?')
  expect({ status: next.status, reason: next.body.stop_reason?.stop_reason }).toEqual({
    status: 200,
    reason: 'end_turn',
  })
  expect(Date.now() - start).toBeLessThan(4_000)
}

async function askForApproval() {
  const agentId = await a.createAgent({ tools: ['core_memory_append'] })
  await a.ask('PATCH', `/v1/agents/${agentId}/tools/approval/core_memory_append`, { requires_approval: true })
  const { body } = await a.send(agentId, '[[call core_memory_append {"label":"human","content":"x"}]]')
  const request = body.messages.find(
    ({ message_type: type }: { message_type: string }) => type === 'approval_request_message',
  )
  return { agentId, request, runId: request.run_id as string }
}

async function newest(agentId: string, count: number): Promise<{ id: string } | undefined> {
  const { body } = await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)
  return body.length >= count ? body[0] : undefined
}

const typesOf = async (agentId: string) =>
  (await b.messages(agentId))
    .map(({ message_type: type }) => type)
    .filter((type) => type !== 'system_message')
