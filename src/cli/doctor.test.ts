import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../../test/server-world.ts'
import { type Order, orderOf, runDoctor } from './doctor.ts'

/**
 * Goal: each kind of trouble is found, is left alone unless a repair is asked for, is mended so that the agent works
 * again, and comes back when the repair is undone. Method: a real server makes real rows, SQL breaks them, and the
 * doctor works while the server runs.
 */
let world: ServerWorld
let agentId: string
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())
beforeEach(async () => {
  await sql`truncate agents, messages, context_items, open_approvals, steps, repairs restart identity cascade`.execute(
    world.db,
  )
  agentId = await world.createAgent({ memory_blocks: [{ label: 'human', value: '' }] })
})

const send = (text: string) =>
  world.ask('POST', `/v1/agents/${agentId}/messages`, { messages: [{ role: 'user', content: text }] })
const callTool = () => send('[[call memory_insert {"label":"human","new_string":"tea"}]]')

async function doctor(order: Order): Promise<{ status: number; said: string }> {
  const lines: string[] = []
  const status = await runDoctor(world.server.engine.deps, order, (line) => lines.push(line))
  return { status, said: lines.join('\n') }
}

const look = () => doctor({ type: 'look' })
const repair = () => doctor({ type: 'repair' })
const undoOf = (said: string): Order => ({ type: 'undo', repair: Number(/--undo (\d+)/.exec(said)?.[1]) })

const contextRoles = async () => {
  const { rows } = await sql<{ role: string | null }>`
    select message.role from context_items as item
    left join messages as message on message.id = item.message_id
    where item.conversation_id = (select id from conversations where agent_id = ${agentId})
    order by ordinal`.execute(world.db)
  return rows.map(({ role }) => role)
}

/** Takes the message of a role out of the context. */
const removeFromContext = (role: string) =>
  sql`delete from context_items where message_id in
    (select id from messages where agent_id = ${agentId} and role = ${role} and
      (role <> 'assistant' or tool_calls <> '[]'))`.execute(world.db)

const run = (sets: string, where = 'true') =>
  sql`update runs set ${sql.raw(sets)} where agent_id = ${agentId} and ${sql.raw(where)}`.execute(world.db)

/** A run as it would be if nobody had handed the turn on to it. */
async function forgetARun(): Promise<void> {
  await send('hello')
  await run(`status = 'created', stop_reason = null, completed_at = null, queue_pos = 1`)
  await sql`delete from context_items where message_id in
    (select id from messages where agent_id = ${agentId} and run_id is not null)`.execute(world.db)
  await sql`delete from messages where agent_id = ${agentId} and run_id is not null`.execute(world.db)
  await sql`delete from steps where agent_id = ${agentId}`.execute(world.db)
  await sql`update agents set last_stop_reason = null where id = ${agentId}`.execute(world.db)
}

describe('a healthy database', () => {
  it('has nothing to find: with finished calls, and with an approval that is open', async () => {
    await callTool()
    await world.ask('PATCH', `/v1/agents/${agentId}/tools/approval/memory_insert?requires_approval=true`, {})
    const asked = await callTool()
    expect(asked.body.stop_reason.stop_reason).toBe('requires_approval')
    expect(await look()).toEqual({
      status: 0,
      said: 'Nothing is wrong: 8 kinds of trouble were looked for.',
    })
  })
})

describe('broken contexts', () => {
  it('a call without a result is closed, and the agent is told', async () => {
    await callTool()
    await removeFromContext('tool')
    const found = await look()
    expect(found).toMatchObject({ status: 1, said: expect.stringContaining('memory_insert') })
    expect(await contextRoles()).toEqual(['system', 'user', 'assistant', 'assistant'])

    const repaired = await repair()
    expect(repaired).toMatchObject({ status: 0, said: expect.stringContaining('(dangling-calls)') })
    expect(await contextRoles()).toEqual(['system', 'user', 'assistant', 'tool', 'assistant'])
    expect((await look()).status).toBe(0)
    expect((await send('hello')).body.stop_reason.stop_reason).toBe('end_turn')
    expect(JSON.stringify(world.mock.log({ limit: 1 }))).toContain('was lost')
  })

  it('a result without its call leaves the context', async () => {
    await callTool()
    await removeFromContext('assistant')
    expect(await repair()).toMatchObject({ status: 0, said: expect.stringContaining('(orphaned-returns)') })
    expect(await contextRoles()).toEqual(['system', 'user', 'assistant'])
    expect((await look()).status).toBe(0)
  })

  it('messages that do not exist, or are there twice, leave the context', async () => {
    await send('hello')
    await sql`insert into context_items
      select organization_id, conversation_id, epoch, ordinal + 10,
        case role when 'user' then message_id else 'message-00000000-0000-4000-8000-0000000000aa' end
      from context_items join messages using (organization_id, conversation_id)
      where messages.id = message_id and role <> 'system' and agent_id = ${agentId}`.execute(world.db)
    const found = await look()
    expect(found.said).toContain('is there twice')
    expect(found.said).toContain('does not exist')
    expect((await repair()).status).toBe(0)
    expect(await contextRoles()).toEqual(['system', 'user', 'assistant'])
  })

  it('a repair can be taken back, until the agent has gone on', async () => {
    await callTool()
    await removeFromContext('tool')
    const { said } = await repair()
    expect(await doctor(undoOf(said))).toEqual({ status: 0, said: 'Repair 1: taken back' })
    expect(await contextRoles()).toEqual(['system', 'user', 'assistant', 'assistant'])
    expect((await doctor(undoOf(said))).said).toContain('before')

    const again = await repair()
    await send('hello')
    expect(await doctor(undoOf(again.said))).toMatchObject({
      status: 1,
      said: expect.stringContaining('has changed since'),
    })
  })
})

describe('stuck runs', () => {
  it('a turn that an ended run kept is free again', async () => {
    await send('hello')
    await run('holds_turn = true')
    expect((await send('hello')).status).not.toBe(200)
    expect(await look()).toMatchObject({ status: 1, said: expect.stringContaining('(leaked-turns)') })
    expect((await repair()).status).toBe(0)
    expect((await send('hello')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('… and stays with whoever has it since, whatever is undone', async () => {
    await send('hello')
    await run('holds_turn = true')
    const { said } = await repair()
    await world.ask('POST', `/v1/agents/${agentId}/messages/async`, { input: '[[sleep 5000]]' })
    expect(await doctor(undoOf(said))).toMatchObject({
      status: 1,
      said: expect.stringContaining('has changed since'),
    })
  })

  it('a run that waits for a free turn gets it, and ends', async () => {
    await forgetARun()
    expect(await repair()).toMatchObject({ status: 0, said: expect.stringContaining('(forgotten-runs)') })
    await expect
      .poll(async () => (await world.ask('GET', `/v1/agents/${agentId}`)).body.last_stop_reason, {
        timeout: 10_000,
      })
      .toBe('end_turn')
    expect((await look()).status).toBe(0)
  })

  it('runs of a deleted agent are cancelled', async () => {
    await forgetARun()
    await sql`update agents set deleted_at = now() where id = ${agentId}`.execute(world.db)
    expect(await repair()).toMatchObject({ status: 0, said: expect.stringContaining('(abandoned-runs)') })
    const { rows } = await sql`select status from runs where agent_id = ${agentId}`.execute(world.db)
    expect(rows).toEqual([{ status: 'cancelled' }])
    expect((await look()).status).toBe(0)
  })

  it('an approval whose run was cancelled no longer closes the conversation; its call is closed', async () => {
    await world.ask('PATCH', `/v1/agents/${agentId}/tools/approval/memory_insert?requires_approval=true`, {})
    await callTool()
    await run(`status = 'cancelled', stop_reason = 'cancelled'`)
    expect((await send('hello')).status).toBe(409)
    const repaired = await repair()
    expect(repaired).toMatchObject({ status: 0, said: expect.stringContaining('(lost-approvals)') })
    expect(repaired.said).toContain('(dangling-calls)')
    expect((await send('hello')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('steps and calls of ended runs are closed, and opened again by an undo', async () => {
    await callTool()
    const steps = () =>
      sql`select status, phase, error_type from steps where agent_id = ${agentId} order by index`.execute(
        world.db,
      )
    await sql`update steps set status = 'pending', phase = 'started' where agent_id = ${agentId} and index = 0`.execute(
      world.db,
    )
    const broken = (await steps()).rows
    const { status, said } = await repair()
    expect(said).toContain('(open-steps)')
    expect(status).toBe(0)
    expect((await steps()).rows[0]).toMatchObject({ status: 'failed', error_type: 'interrupted' })
    await doctor(undoOf(said))
    expect((await steps()).rows).toEqual(broken)
  })
})

describe('what the doctor is asked', () => {
  it('is one thing, or nothing', () => {
    expect(orderOf([])).toEqual({ type: 'look' })
    expect(orderOf(['--repair'])).toEqual({ type: 'repair' })
    expect(orderOf(['--undo', '7'])).toEqual({ type: 'undo', repair: 7 })
    for (const args of [['--undo', 'x'], ['--undo', '7', '--repair'], ['--heal'], ['now']])
      expect(orderOf(args)).toBeUndefined()
  })
})
