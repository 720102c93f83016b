import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openReplicas, type Replica, type Replicas, type StreamEvent, until } from '../replicas.ts'
import { note, script } from './talk.ts'

/** Trouble below the loop. A killed process is in `e2e/killed.test.ts`, the providers' troubles in `provider-failures`. */
let world: Replicas
let server: Replica
beforeAll(async () => {
  world = await openReplicas()
  server = await world.start()
  await refuseRowsWith('not to be stored')
})
afterAll(() => world.close())

/** The database refuses messages that hold these words in an answer, as it would refuse what breaks a constraint. */
async function refuseRowsWith(words: string): Promise<void> {
  await sql`
    create function refuse_words() returns trigger language plpgsql as $$
    begin
      if new.role = 'assistant' and new::text like ${sql.raw(`'%${words}%'`)} then
        raise check_violation using message = 'refused for a test';
      end if;
      return new;
    end $$`.execute(world.db)
  await sql`create trigger refuse_words before insert on messages for each row execute function refuse_words()`.execute(
    world.db,
  )
}

/** Every connection of the server to its database is cut; the test's own one is not. */
async function cutConnections(): Promise<void> {
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
    .execute(world.db)
    .catch(() => undefined)
}

const typesOf = (events: StreamEvent[]) => events.map(({ data }) => data.message_type ?? data)
const contextOf = async (agent: string): Promise<string[]> =>
  (await server.ask('GET', `/v1/agents/${agent}`)).body.message_ids
const texts = async (agent: string) =>
  (await server.messages(agent)).flatMap(({ message_type: type, content }) =>
    type === 'system_message' ? [] : [content],
  )

describe('acceptance: failure injection', () => {
  it('30: a step that the database refuses fails its run and changes nothing; the stream ends with error and [DONE]', async () => {
    const agent = await server.createAgent()
    await server.send(agent, 'before')
    const before = await contextOf(agent)
    const events = await server.stream(agent, '[[say This is not to be stored.]]', { include_pings: false })
    expect(typesOf(events)).toEqual(['stop_reason', 'error_message', 'usage_statistics', '[DONE]'])
    const [run] = (await server.ask('GET', `/v1/runs/?agent_id=${agent}`)).body
    expect(run).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      metadata: { error: expect.anything() },
    })
    expect(await contextOf(agent)).toEqual(before)
    expect((await server.send(agent, 'and now?')).body.messages.at(-1).content).toBe('echo: and now?')
  })

  it('30: a run whose database goes away for a moment goes on', async () => {
    const agent = await server.createAgent()
    const turns = script({ calls: [note('survives')] }, { say: 'Still here.', sleep: 1_500 })
    const run = await server.sendAsync(agent, turns)
    await until(() => world.mock.log({ contains: 'survives' }).length >= 2)
    await cutConnections()
    expect((await server.ended(run)).status).toBe('completed')
    expect((await texts(agent)).at(-1)).toBe('Still here.')
    const { value } = (await server.ask('GET', `/v1/agents/${agent}/core-memory/blocks/human`)).body
    expect(value.match(/survives/g)).toHaveLength(1)
  })

  it('31: of two turns at once the second gets 409 on conversations, and waits on agents; both stand one after the other', async () => {
    const agent = await server.createAgent()
    const conversation = (await server.ask('POST', `/v1/conversations/?agent_id=${agent}`, {})).body.id
    const send = (input: string) =>
      server.ask('POST', `/v1/conversations/${conversation}/messages`, { input, streaming: false })
    const first = send('[[sleep 1000]] the earlier one')
    await until(() => world.mock.log({ contains: 'the earlier one' }).length > 0)
    const refused = await send('two')
    expect(refused.status).toBe(409)
    expect(refused.body.run_id).toBe((await first).body.messages[0].run_id)
    expect((await send('two')).status).toBe(200)

    const both = [server.send(agent, '[[sleep 700]] first'), server.send(agent, 'second')]
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([200, 200])
    const said = await texts(agent)
    const turn = said.indexOf('echo: first')
    expect(said.slice(turn - 1, turn + 1)).toEqual(['[[sleep 700]] first', 'echo: first'])
    const other = said.indexOf('second')
    expect(said.slice(other, other + 2)).toEqual(['second', 'echo: second'])
  })
})
