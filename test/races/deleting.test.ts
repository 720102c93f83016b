import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_ORGANIZATION, newId } from '../../src/domain/id.ts'
import { purgeDeleted } from '../../src/store/retention.ts'
import { eventsOf, openReplicas, type Replica, type Replicas, until } from '../replicas.ts'

/** Rules: what is in use is deleted; what was sent is sent again. */
let world: Replicas
let a: Replica
let b: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
  b = await world.start()
})
afterAll(() => world.close())

describe('deleting', () => {
  it('R-43: an agent with a long history and a run in every phase is gone at once, and its readers hear a cancel', async () => {
    const agentId = await a.createAgent({ tools: ['core_memory_append'] })
    await addHistory(agentId, 20_000)
    await a.ask('PATCH', `/v1/agents/${agentId}/tools/approval/core_memory_append`, {
      requires_approval: true,
    })
    const waiting = await conversationOf(agentId)
    const asked = await a.ask('POST', `/v1/conversations/${waiting}/messages`, {
      input: '[[call core_memory_append {"label":"human","content":"x"}]]',
      streaming: false,
    })
    expect(asked.body.stop_reason.stop_reason).toBe('requires_approval')
    const streaming = a.stream(agentId, '[[drip 400 40]]', { stream_tokens: true })
    const active = await until(
      async () => (await runsOf(agentId)).find(({ status }) => status === 'running')?.id,
    )
    const queued = await a.sendAsync(agentId, 'queued')
    const start = performance.now()
    expect((await b.ask('DELETE', `/v1/agents/${agentId}`)).status).toBe(200)
    const tookMs = performance.now() - start
    const events = await streaming
    expect(events.find(({ data }) => data.message_type === 'stop_reason')?.data.stop_reason).toBe('cancelled')
    for (const path of [`agents/${agentId}`, `agents/${agentId}/messages`, `conversations/${waiting}`])
      expect((await b.ask('GET', `/v1/${path}`)).status).toBe(404)
    expect((await b.ask('POST', `/v1/agents/${agentId}/messages`, { input: 'hello?' })).status).toBe(404)
    const { rows } = await sql<{ status: string }>`
      select status from runs where id in (${active}, ${queued})`.execute(world.db)
    expect(rows.map(({ status }) => status)).toEqual(['cancelled', 'cancelled'])
    // Above what it takes on an idle machine: that it does not grow with the history is what counts.
    expect(tookMs).toBeLessThan(2_000)
    await purgeDeleted(world.db, 0)
    expect(await leftOf(agentId)).toEqual({})
  })

  it('R-43: a conversation takes its run along, and leaves the agent', async () => {
    const agentId = await a.createAgent()
    const id = await conversationOf(agentId)
    const streaming = a.ask('POST', `/v1/conversations/${id}/messages`, { input: '[[sleep 9000]] long' })
    await until(async () => (await runsOf(agentId)).some(({ status }) => status === 'running'))
    expect((await b.ask('DELETE', `/v1/conversations/${id}`)).status).toBe(200)
    expect((await streaming).body).toContain('"stop_reason":"cancelled"')
    expect((await a.send(agentId, 'hello')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('R-43: a run that has not ended is not deleted, unless it is cancelled with it', async () => {
    const agentId = await a.createAgent()
    const runId = await a.sendAsync(agentId, '[[sleep 9000]] long')
    await until(async () => (await a.status(runId)) === 'running')
    expect((await b.ask('DELETE', `/v1/runs/${runId}`)).status).toBe(409)
    expect((await b.ask('DELETE', `/v1/runs/${runId}?force=true`)).status).toBe(200)
    expect((await b.ask('GET', `/v1/runs/${runId}`)).status).toBe(404)
    expect((await a.send(agentId, 'hello')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('R-43: who waits for an answer of an agent that is deleted gets a tool error', async () => {
    const other = await a.createAgent()
    const agentId = await a.createAgent({ tools: ['send_message_to_agent_and_wait_for_reply'] })
    const call = JSON.stringify({ other_agent_id: other, message: 'think for long' })
    world.mock.setProfile({ firstTokenMs: 3_000 })
    const asking = a.send(agentId, `[[call send_message_to_agent_and_wait_for_reply ${call}]]`)
    await until(async () => (await runsOf(other)).some(({ status }) => status === 'running'))
    await b.ask('DELETE', `/v1/agents/${other}`)
    world.mock.setProfile({ firstTokenMs: 0 })
    const { body } = await asking
    const returned = body.messages.find(({ tool_return: text }: { tool_return?: string }) => text)
    expect(returned).toMatchObject({ status: 'error' })
    expect(body.stop_reason.stop_reason).toBe('end_turn')
  })
})

describe('repeats', () => {
  const RETRY = { 'x-stainless-retry-count': '1' }

  it('R-44: a message that comes twice by its otid runs once, on every transport', async () => {
    const agentId = await a.createAgent()
    const messages = [{ role: 'user', content: '[[sleep 400]] once', otid: `otid-${agentId}` }]
    const path = `/v1/agents/${agentId}/messages`
    const [blocking, streamed, async] = await Promise.all([
      a.ask('POST', path, { messages }),
      b.ask('POST', path, { messages, streaming: true }),
      b.ask('POST', `${path}/async`, { messages }),
    ])
    const [run, ...others] = await runsOf(agentId)
    expect(others).toEqual([])
    expect(async.body.id).toBe(run?.id)
    const said = eventsOf(streamed.body).find(({ data }) => data.message_type === 'assistant_message')
    expect(said?.data.id).toBe(blocking.body.messages[0].id)
    const later = await b.ask('POST', path, { messages })
    expect(later.body.messages).toEqual(blocking.body.messages)
    expect(await runsOf(agentId)).toHaveLength(1)
  })

  it('R-44: an otid that comes again with other words is refused, and the client told not to try again', async () => {
    const agentId = await a.createAgent()
    const send = (content: string) =>
      a.ask('POST', `/v1/agents/${agentId}/messages`, {
        messages: [{ role: 'user', content, otid: `used-${agentId}` }],
      })
    await send('one')
    const refused = await send('another')
    expect({ status: refused.status, code: refused.body.code }).toEqual({ status: 409, code: 'OTID_REUSED' })
    expect(refused.headers.get('x-should-retry')).toBe('false')
  })

  it('R-44: an otid is a key of its conversation, and stored messages may have the same one', async () => {
    const [one, other] = await Promise.all([a.createAgent(), a.createAgent()])
    for (const id of [one, other]) {
      const { status } = await a.ask('POST', `/v1/agents/${id}/messages`, {
        messages: [{ role: 'user', content: 'hello', otid: 'the-same-otid' }],
      })
      expect(status).toBe(200)
    }
  })

  it('R-44: without otids a second "yes" is a second turn, and a retry of one that was answered too', async () => {
    const agentId = await a.createAgent()
    const send = (headers = {}) => a.ask('POST', `/v1/agents/${agentId}/messages`, { input: 'yes' }, headers)
    await send()
    await until(async () => (await sentAt(agentId)).every((at) => at !== null))
    await send()
    await until(async () => (await sentAt(agentId)).every((at) => at !== null))
    await send(RETRY)
    expect(await runsOf(agentId)).toHaveLength(3)
  })

  it('R-44: a retry of a request that is still at work joins it', async () => {
    const agentId = await a.createAgent()
    const send = (server: Replica, headers = {}) =>
      server.ask('POST', `/v1/agents/${agentId}/messages`, { input: '[[sleep 1200]] slow' }, headers)
    const first = send(a)
    await until(async () => (await runsOf(agentId)).length === 1)
    const second = await send(b, RETRY)
    expect(second.body.messages).toEqual((await first).body.messages)
    expect(await runsOf(agentId)).toHaveLength(1)
  })

  it('R-44: a retry of one whose answer never went out gets that answer', async () => {
    const agentId = await a.createAgent()
    const gone = new AbortController()
    const first = fetch(`${a.server.url}/v1/agents/${agentId}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' },
      body: JSON.stringify({ input: '[[sleep 700]] lost' }),
      signal: gone.signal,
    }).catch(() => undefined)
    const [run] = await until(async () => {
      const runs = await runsOf(agentId)
      return runs.length === 1 && runs
    })
    gone.abort()
    await first
    await a.ended(run?.id ?? '')
    const again = await b.ask(
      'POST',
      `/v1/agents/${agentId}/messages`,
      { input: '[[sleep 700]] lost' },
      RETRY,
    )
    expect(again.body.stop_reason.stop_reason).toBe('end_turn')
    expect(await runsOf(agentId)).toHaveLength(1)
  })

  it('R-44: of streams a retry follows the run that is at work', async () => {
    const agentId = await a.createAgent()
    const send = (server: Replica, headers = {}) =>
      server.ask(
        'POST',
        `/v1/agents/${agentId}/messages`,
        { input: '[[drip 40 25]]', streaming: true, stream_tokens: true, background: true },
        headers,
      )
    const first = send(a)
    await until(async () => (await runsOf(agentId)).length === 1)
    const second = await send(b, RETRY)
    const numbers = (text: string) =>
      eventsOf(text)
        .map(({ data }) => data.seq_id)
        .filter((seq) => typeof seq === 'number')
    expect(numbers(second.body)).toEqual(numbers((await first).body))
    expect(await runsOf(agentId)).toHaveLength(1)
  })
})

async function conversationOf(agentId: string): Promise<string> {
  return (await a.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {})).body.id
}

async function runsOf(agentId: string): Promise<{ id: string; status: string }[]> {
  return (await a.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
}

async function sentAt(agentId: string): Promise<(string | null)[]> {
  const { rows } = await sql<{ at: string | null }>`
    select response_sent_at as at from runs where agent_id = ${agentId}`.execute(world.db)
  return rows.map(({ at }) => at)
}

/** Messages that nobody has in a context, as a long life leaves them. */
async function addHistory(agentId: string, count: number): Promise<void> {
  await sql`
    insert into messages (organization_id, id, agent_id, conversation_id, role, content)
    select ${DEFAULT_ORGANIZATION}, ${newId('message').slice(0, -12)} || lpad(to_hex(n), 12, '0'), ${agentId},
      (select id from conversations where agent_id = ${agentId} and is_default), 'user', '[{"type":"text","text":"old"}]'
    from generate_series(1, ${count}) as n`.execute(world.db)
}

/** Tables that still have rows of an agent, with how many. */
async function leftOf(agentId: string): Promise<Record<string, number>> {
  const { rows: tables } = await sql<{ name: string }>`
    select table_name as name from information_schema.columns
    where table_schema = 'public' and column_name = 'agent_id'`.execute(world.db)
  const left: Record<string, number> = {}
  for (const { name } of tables) {
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from ${sql.table(name)} where agent_id = ${agentId}`.execute(world.db)
    if (rows[0]?.count) left[name] = rows[0].count
  }
  return left
}
