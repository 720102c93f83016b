import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openProcesses, type Processes } from '../processes.ts'
import { actingTool, endLease, openReplicas, type Replica, type Replicas, until } from '../replicas.ts'

/** Rules: what a step writes, and what is left of one that fails. */
let world: Replicas
let a: Replica

const acts: string[] = []
const act = actingTool('act_outside', async ({ executionId }) => {
  const { rows } = await sql<{ state: string }>`
    select state from tool_executions where execution_id = ${executionId}`.execute(world.db)
  acts.push(rows[0]?.state ?? 'nothing')
  return 'acted'
})

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start({}, [act])
})
afterAll(() => world.close())

describe('commits', () => {
  it('R-15: an answer without tools takes two, one with a tool that acts outside a third and a fourth', async () => {
    const [plain, acting] = await Promise.all([
      Promise.all(Array.from({ length: 10 }, () => a.createAgent())),
      Promise.all(Array.from({ length: 10 }, () => a.createAgent({ tools: ['act_outside'] }))),
    ])
    await watchCommits()
    const commitsOf = async (agentIds: string[], text: string) => {
      await sql`delete from commits_seen`.execute(world.db)
      for (const id of agentIds) expect((await a.send(id, text)).status).toBe(200)
      const { rows } = await sql<{ count: number }>`select count(*) as count from commits_seen`.execute(
        world.db,
      )
      return (rows[0]?.count ?? 0) / agentIds.length
    }
    expect(await commitsOf(plain, 'hello')).toBe(2)
    expect(await commitsOf(acting, '[[call act_outside {"note":"x"}]]')).toBe(4)
  })

  it('R-15: an answer to an async request shows the run as it was admitted', async () => {
    const agentId = await a.createAgent()
    const { body } = await a.ask('POST', `/v1/agents/${agentId}/messages/async`, { input: 'hello' })
    expect(body.status).toBe('created')
    await a.ended(body.id)
  })
})

describe('the ledger', () => {
  it('R-16: every call of a batch is written down before any of them begins', async () => {
    const agentId = await a.createAgent({ tools: ['act_outside'], parallel_tool_calls: true })
    acts.length = 0
    const call = '[[call act_outside {"note":"x"}]]'
    await a.send(agentId, `${call} ${call} ${call}`)
    expect(acts).toEqual(['started', 'started', 'started'])
    const { rows } = await sql<{ state: string }>`
      select tool_executions.state from tool_executions join runs on runs.id = tool_executions.run_id
      where runs.agent_id = ${agentId}`.execute(world.db)
    expect(rows.map(({ state }) => state)).toEqual(['done', 'done', 'done'])
  })

  it('R-16: an id of a call that the context already holds is replaced before anything is stored', async () => {
    const agentId = await a.createAgent({ tools: ['core_memory_append'] })
    const call = '[[quirk same-ids]] [[call core_memory_append {"label":"human","content":"x"}]]'
    for (const _ of ['first', 'second']) await a.stream(agentId, call, { stream_tokens: true })
    const ids = (await a.messages(agentId))
      .filter(({ message_type: type }) => type === 'tool_call_message')
      .map(({ tool_call: { tool_call_id: id } }) => id)
    expect(ids).toHaveLength(2)
    expect(new Set(ids).size).toBe(2)
  })
})

describe('a turn that fails', () => {
  it('R-22: the input of one that fails before its first step is kept apart, and no later request has it', async () => {
    const agentId = await a.createAgent()
    await a.send(agentId, 'fine')
    const before = await a.messages(agentId)
    const failed = await a.send(agentId, '[[error 400]] refused words')
    expect(failed.status).toBe(400)
    expect(await a.messages(agentId)).toEqual(before)
    const { body } = await a.ask('GET', `/v1/agents/${agentId}/messages?include_err=true&order=asc`)
    expect(body).toHaveLength(before.length + 1)
    expect(body.at(-1)).toMatchObject({ message_type: 'user_message', is_err: true })
    expect((await a.send(agentId, `and now ${agentId}?`)).status).toBe(200)
    const [request] = world.mock.log({ contains: `and now ${agentId}?` })
    expect(JSON.stringify(request?.body)).not.toContain('refused words')
  })

  it('R-22: after its first step it is history like any other', async () => {
    const agentId = await a.createAgent({ tools: ['core_memory_append'] })
    const turns = [
      { calls: [{ name: 'core_memory_append', args: { label: 'human', content: 'x' } }] },
      { error: '400' },
    ]
    await a.send(agentId, `[[script ${JSON.stringify(turns)}]] kept words`)
    const types = (await a.messages(agentId)).map(({ message_type: type }) => type)
    expect(types).toEqual(['system_message', 'user_message', 'tool_call_message', 'tool_return_message'])
  })
})

describe('compaction', () => {
  let processes: Processes
  beforeAll(async () => {
    processes = await openProcesses()
  })
  afterAll(() => processes.close())

  it.each(['before_compaction:1', 'after_compaction:1'])(
    'R-23: killed at %s the context is the old one or the new one, and the summariser was asked twice at most',
    async (point) => {
      const dying = await processes.start({ PERDURE_FAULT: point })
      const agentId = await dying.createAgent()
      for (const text of ['one', 'two', 'three']) await dying.send(agentId, `${text} of ${agentId}`)
      const runId = await dying.sendAsync(agentId, `[[sleep 200]] [[usage 200000 10]] overfull ${agentId}`)
      await dying.process.ended
      const next = await processes.start()
      expect((await next.ended(runId)).status).toBe('completed')
      const { rows } = await sql<{ role: string; ordinal: number }>`
        select messages.role, item.ordinal from context_items as item
        join conversations on conversations.id = item.conversation_id
          and conversations.context_epoch = item.epoch
        join messages on messages.id = item.message_id
        where conversations.agent_id = ${agentId} order by item.ordinal`.execute(processes.db)
      const roles = rows.map(({ role }) => role)
      expect(rows.map(({ ordinal }) => ordinal)).toEqual(rows.map((_, at) => at))
      expect(roles[0]).toBe('system')
      expect(roles.filter((role) => role === 'summary').length).toBeLessThanOrEqual(1)
      const summaries = processes.mock
        .log({ contains: agentId })
        .filter(({ body }) => JSON.stringify(body).toLowerCase().includes('summar'))
      expect(summaries.length).toBeLessThanOrEqual(2)
      expect((await next.send(agentId, 'and then?')).body.stop_reason.stop_reason).toBe('end_turn')
    },
    60_000,
  )
})

describe('retries of a model call', () => {
  it('R-46: a failure before the first piece is tried again: one answer, no text twice', async () => {
    const agentId = await a.createAgent()
    const events = await a.stream(agentId, `[[error 529 once]] again ${agentId}`, { stream_tokens: true })
    const text = events
      .filter(({ data }) => data.message_type === 'assistant_message')
      .map(({ data }) => data.content)
      .join('')
    expect(text).toBe(`echo:  again ${agentId}`.replace('  ', ' '))
    expect(world.mock.log({ contains: `again ${agentId}` })).toHaveLength(2)
  })

  it('R-46: a cut after some pieces is not: the run fails, and the model was asked once', async () => {
    const agentId = await a.createAgent()
    const text = `[[drip 20 5]] [[error cutoff]] cut ${agentId}`
    const events = await a.stream(agentId, text, { stream_tokens: true, background: true })
    const stops = events.filter(({ data }) => data.message_type === 'stop_reason')
    expect(stops.map(({ data }) => data.stop_reason)).toEqual(['llm_api_error'])
    expect(world.mock.log({ contains: `cut ${agentId}` })).toHaveLength(1)
  })

  it('R-46: a takeover is an attempt of its own: what was seen of the first is not stored', async () => {
    const agentId = await a.createAgent()
    const runId = await a.sendAsync(agentId, '[[sleep 1800]] attempts')
    await until(async () => (await a.status(runId)) === 'running')
    await endLease(world.db, a)
    expect((await a.ended(runId)).status).toBe('completed')
    const said = (await a.messages(agentId)).filter(({ message_type: type }) => type === 'assistant_message')
    expect(said).toHaveLength(1)
  })
})

/** Every transaction that writes to our tables leaves its number; what the process says of itself does not count. */
async function watchCommits(): Promise<void> {
  await sql`create table commits_seen (id text primary key)`.execute(world.db)
  await sql`create function note_commit() returns trigger language plpgsql as
    $$ begin insert into commits_seen values (pg_current_xact_id()::text) on conflict do nothing; return null; end $$`.execute(
    world.db,
  )
  const tables = [
    'steps',
    'messages',
    'context_items',
    'run_events',
    'conversations',
    'tool_executions',
    'blocks',
  ]
  for (const table of tables)
    await sql`create trigger note_commit after insert or update or delete on ${sql.table(table)}
      for each statement execute function note_commit()`.execute(world.db)
  await sql`create trigger note_commit after insert or update of status, lease_epoch, seq_reserved on runs
    for each statement execute function note_commit()`.execute(world.db)
}
