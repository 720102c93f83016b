import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { endLease, openReplicas, type Replica, type Replicas, until } from '../replicas.ts'

/** Rules: who has a scope's turn, and how the next one gets it. Two servers, one database. */
let world: Replicas
let a: Replica
let b: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
  b = await world.start()
})
afterAll(() => world.close())

const texts = async (agentId: string) =>
  (await a.messages(agentId))
    .filter(({ message_type: type }) => type === 'user_message' || type === 'assistant_message')
    .map(({ content }) => content)

describe('turns', () => {
  it('R-1: a turn outlives the lease of its driver, and the next message comes behind it', async () => {
    const agentId = await a.createAgent()
    const first = await a.sendAsync(agentId, '[[sleep 1500]] first')
    await until(async () => (await a.status(first)) === 'running')
    await endLease(world.db, a)
    const second = await b.sendAsync(agentId, 'second')
    expect((await b.ended(first)).status).toBe('completed')
    expect((await b.ended(second)).status).toBe('completed')
    expect(await texts(agentId)).toEqual(['[[sleep 1500]] first', 'echo: first', 'second', 'echo: second'])
  })

  it('R-2: no message is left waiting while its scope is free', async () => {
    const agentId = await a.createAgent()
    for (let round = 0; round < 15; round++) {
      const sent = await Promise.all([
        a.sendAsync(agentId, `one ${round}`),
        b.sendAsync(agentId, `two ${round}`),
      ])
      const runs = await Promise.all(sent.map((runId) => a.ended(runId)))
      expect(runs.map(({ status }) => status)).toEqual(['completed', 'completed'])
    }
    expect(await texts(agentId)).toHaveLength(60)
  })

  it('R-2: a reset that removes an open approval gives its turn to what waited for the answer', async () => {
    const agentId = await a.createAgent({ tools: ['core_memory_append'] })
    await askForApproval(agentId)
    const waiting = await a.sendAsync(agentId, 'later')
    expect(await a.status(waiting)).toBe('created')
    await a.ask('PATCH', `/v1/agents/${agentId}/reset-messages`, {})
    expect((await a.ended(waiting)).status).toBe('completed')
  })

  it('R-3: when an approval opens, callers that wait are told at once, and what nobody waits for runs after the answer', async () => {
    const agentId = await a.createAgent()
    await holdTool(agentId)
    const asking = a.send(agentId, `[[sleep 800]] ${CALL}`)
    await until(async () => (await runsOf(agentId)).some(({ status }) => status === 'running'))
    const blocking = b.send(agentId, 'blocking')
    const streaming = a.stream(agentId, 'streaming')
    await until(async () => (await runsOf(agentId)).length === 3)
    const async = await a.sendAsync(agentId, 'async')
    const asked = await asking
    const start = Date.now()
    expect((await blocking).status).toBe(409)
    const told = (await blocking).body
    expect(told.message).toContain('waiting for approval')
    expect(told.pending_request_id).toBe(asked.body.messages.at(-1).id)
    expect(told.detail).toMatchObject({ pending_request_id: told.pending_request_id })
    const error = (await streaming).find(({ event }) => event === 'error')?.data
    expect(error).toMatchObject({ error_type: 'pending_approval' })
    expect(error.detail).toContain('waiting for approval')
    expect(Date.now() - start).toBeLessThan(3_000)
    expect(await a.status(async)).toBe('created')
    await answer(agentId, asked.body, true)
    expect((await a.ended(async)).status).toBe('completed')
    expect((await runsOf(agentId)).every(({ status }) => status !== 'created')).toBe(true)
  })

  it('R-3: an answer goes before everything that waits', async () => {
    const agentId = await a.createAgent()
    await holdTool(agentId)
    const asked = await a.send(agentId, CALL)
    const waiting = await a.sendAsync(agentId, 'waited')
    await answer(agentId, asked.body, true)
    await a.ended(waiting)
    const types = (await a.messages(agentId)).map(({ message_type: type, content }) => content ?? type)
    expect(types.indexOf('waited')).toBeGreaterThan(types.indexOf('tool_return_message'))
  })

  it('R-3: a caller that has waited for long enough is told that the conversation is busy', async () => {
    const impatient = await world.start({ PERDURE_WAIT_MS: '300' })
    const agentId = await a.createAgent()
    const first = await a.sendAsync(agentId, '[[sleep 1500]] first')
    await until(async () => (await a.status(first)) === 'running')
    const answer = await impatient.send(agentId, 'second')
    expect(answer.status).toBe(409)
    expect(answer.body.detail).toContain('is currently being processed')
    expect(answer.body.run_id).toBe(first)
    await a.ended(first)
    expect(await texts(agentId)).toEqual(['[[sleep 1500]] first', 'echo: first'])
  })

  it('R-3: `interrupt` cancels the active run and takes its turn', async () => {
    const { agentId, conversationId } = await conversationWith('interrupt')
    const first = a.ask('POST', `/v1/conversations/${conversationId}/messages`, {
      input: '[[sleep 20000]] first',
    })
    const active = await until(async () => (await runsOf(agentId)).find(({ status }) => status === 'running'))
    const second = await b.ask('POST', `/v1/conversations/${conversationId}/messages`, {
      input: 'second',
      streaming: false,
    })
    expect(second.status).toBe(200)
    expect(await b.status(active.id)).toBe('cancelled')
    expect((await first).body).toContain('"stop_reason":"cancelled"')
    const { body } = await a.ask('GET', `/v1/conversations/${conversationId}/messages?order=asc`)
    const said = body
      .filter(({ message_type: type }: { message_type: string }) => type !== 'system_message')
      .map(({ content }: { content: string }) => content)
    expect(said).toEqual(['[[sleep 20000]] first', 'second', 'echo: second'])
  })

  it('R-3: `merge` joins the message to the run that still waits', async () => {
    const { agentId, conversationId } = await conversationWith('merge')
    const send = (replica: Replica, input: string) =>
      replica.ask('POST', `/v1/conversations/${conversationId}/messages`, { input, streaming: false })
    const first = send(a, '[[sleep 1200]] first')
    await until(async () => (await runsOf(agentId)).some(({ status }) => status === 'running'))
    const second = send(a, 'second')
    await until(async () => (await runsOf(agentId)).length === 2)
    const third = send(b, 'third')
    const answers = await Promise.all([first, second, third])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(answers[2]?.body.messages).toEqual(answers[1]?.body.messages)
    expect(await runsOf(agentId)).toHaveLength(2)
    const { rows } = await sql<{ role: string }>`
      select role from messages where conversation_id = ${conversationId} and role <> 'system' order by sequence_id
    `.execute(world.db)
    expect(rows.map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'user', 'assistant'])
  })

  it('R-3: the length of the queue is counted under the lock of its scope', async () => {
    const short = await world.start({ PERDURE_WAITING_MAX: '2' })
    const agentId = await a.createAgent()
    const first = await short.sendAsync(agentId, '[[sleep 1500]] first')
    await until(async () => (await a.status(first)) === 'running')
    const sent = await Promise.all(Array.from({ length: 8 }, (_, at) => short.send(agentId, `more ${at}`)))
    expect(sent.filter(({ status }) => status === 200)).toHaveLength(2)
    expect(sent.filter(({ status }) => status === 409)).toHaveLength(6)
  })

  it('R-4: messages stand in the history in the order of their turns', async () => {
    const agentId = await a.createAgent()
    const first = await a.sendAsync(agentId, '[[sleep 500]] one')
    const second = await b.sendAsync(agentId, 'two')
    await Promise.all([a.ended(first), b.ended(second)])
    expect(await texts(agentId)).toEqual(['[[sleep 500]] one', 'echo: one', 'two', 'echo: two'])
  })

  it('R-5: what replaces a context is refused while a run has the turn', async () => {
    const agentId = await a.createAgent()
    const run = await a.sendAsync(agentId, '[[sleep 1200]] busy')
    await until(async () => (await a.status(run)) === 'running')
    const reset = await b.ask('PATCH', `/v1/agents/${agentId}/reset-messages`, {})
    expect({ status: reset.status, run: reset.body.run_id }).toEqual({ status: 409, run })
    const { body } = await b.ask('GET', `/v1/agents/${agentId}`)
    const replaced = await b.ask('PATCH', `/v1/agents/${agentId}`, { message_ids: body.message_ids })
    expect(replaced.status).toBe(409)
    expect((await a.ended(run)).status).toBe('completed')
  })

  it('R-6: runs that wait for runs use one slot; a circle is refused at once', async () => {
    const alone = await openReplicas()
    try {
      const one = await alone.start({ PERDURE_RUNS_MAX: '1' })
      const tools = ['send_message_to_agent_and_wait_for_reply']
      const [first, second, third] = await Promise.all([
        one.createAgent({ tools, include_multi_agent_tools: true }),
        one.createAgent({ tools, include_multi_agent_tools: true }),
        one.createAgent({ tools }),
      ])
      const askOther = (agent: string | undefined, message: string) =>
        `[[call send_message_to_agent_and_wait_for_reply ${JSON.stringify({ other_agent_id: agent, message })}]]`
      const chain = await one.send(first ?? '', askOther(second, `go on`))
      expect(chain.status).toBe(200)
      expect(JSON.stringify(chain.body)).toContain('echo: ')
      expect(third).toBeDefined()
      const circle = await one.send(first ?? '', askOther(first, 'hello me'))
      expect(JSON.stringify(circle.body)).toContain('circle')
    } finally {
      await alone.close()
    }
  })

  it('R-6: agents that ask each other at once do not wait for ever', async () => {
    const more = { include_multi_agent_tools: true }
    const ring = [await a.createAgent(more), await b.createAgent(more), await a.createAgent(more)]
    const ask = (next: string | undefined) => {
      const args = { other_agent_id: next, message: 'are you there?' }
      const calls = [{ name: 'send_message_to_agent_and_wait_for_reply', args }]
      return `[[script ${JSON.stringify([{ calls, sleep: 500 }, { say: 'Done.' }])}]]`
    }
    const answers = await Promise.all(
      ring.map((agent, at) => (at === 1 ? b : a).send(agent, ask(ring[(at + 1) % ring.length]))),
    )
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    expect(JSON.stringify(answers.map(({ body }) => body))).toContain('in a circle')
    for (const agent of ring) expect((await a.send(agent, 'and now?')).status).toBe(200)
  })

  it('R-6: a question that nobody can take is given up', async () => {
    const alone = await openReplicas()
    try {
      const one = await alone.start({ PERDURE_WAIT_MS: '500' })
      const [asker, busy] = [
        await one.createAgent({ include_multi_agent_tools: true }),
        await one.createAgent(),
      ]
      await one.sendAsync(busy, '[[sleep 6000]]')
      const args = { other_agent_id: busy, message: 'are you there?' }
      const { body } = await one.send(
        asker,
        `[[call send_message_to_agent_and_wait_for_reply ${JSON.stringify(args)}]]`,
      )
      expect(JSON.stringify(body)).toContain('did not answer')
    } finally {
      await alone.close()
    }
  })

  it('R-6: a cancelled run ends those that it waits for', async () => {
    const agentId = await a.createAgent({ tools: ['send_message_to_agent_and_wait_for_reply'] })
    const other = await a.createAgent()
    const call = JSON.stringify({ other_agent_id: other, message: 'think for long' })
    world.mock.setProfile({ firstTokenMs: 2_000 })
    const run = await a.sendAsync(agentId, `[[call send_message_to_agent_and_wait_for_reply ${call}]]`)
    const child = await until(async () => (await runsOf(other))[0]?.id)
    await b.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [run] })
    world.mock.setProfile({ firstTokenMs: 0 })
    expect((await a.ended(child)).status).toBe('cancelled')
  })
})

const CALL = '[[call core_memory_append {"label":"human","content":"x"}]]'

async function holdTool(agentId: string): Promise<void> {
  const { body } = await a.ask('GET', `/v1/agents/${agentId}/tools`)
  if (!body.some(({ name }: { name: string }) => name === 'core_memory_append')) {
    const found = await a.ask('GET', '/v1/tools/?name=core_memory_append')
    await a.ask('PATCH', `/v1/agents/${agentId}/tools/attach/${found.body[0].id}`)
  }
  await a.ask('PATCH', `/v1/agents/${agentId}/tools/approval/core_memory_append`, { requires_approval: true })
}

async function askForApproval(agentId: string) {
  await holdTool(agentId)
  const asked = await a.send(agentId, CALL)
  expect(asked.body.stop_reason.stop_reason).toBe('requires_approval')
  return asked
}

// biome-ignore lint/suspicious/noExplicitAny: an API's answer.
async function answer(agentId: string, asked: any, approve: boolean) {
  const request = asked.messages.find(
    ({ message_type: type }: { message_type: string }) => type === 'approval_request_message',
  )
  return a.ask('POST', `/v1/agents/${agentId}/messages`, {
    messages: [{ type: 'approval', approval_request_id: request.id, approve }],
  })
}

async function runsOf(agentId: string): Promise<{ id: string; status: string }[]> {
  return (await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
}

async function conversationWith(policy: string) {
  const agentId = await a.createAgent()
  const { body } = await a.ask('POST', `/v1/conversations/?agent_id=${agentId}`, { message_policy: policy })
  expect(body.message_policy).toBe(policy)
  return { agentId, conversationId: body.id as string }
}
