import Letta from '@letta-ai/letta-client'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEFAULT_ORGANIZATION } from '../../src/domain/id.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'

/**
 * Goal: each filter finds what it says, alone and with every other; pages lose and repeat nothing.
 * Method: runs whose number tells everything about them, so that what is found can be told from the number too.
 */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
  await sql`insert into agents (organization_id, id, name, agent_type, system, llm_config)
    select ${DEFAULT_ORGANIZATION}, id, 'an agent', 'letta_v1_agent', '', '{}' from unnest(${AGENTS}::text[]) id`.execute(
    world.db,
  )
  for (let n = 1; n <= COUNT; n++) await insertRun(n)
})
afterAll(() => world.close())

const COUNT = 24
const idOf = (kind: string, n: number) =>
  `${kind}-00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`
const [EVEN, ODD, ALONE, MANY, NONE] = [
  idOf('agent', 0),
  idOf('agent', 1),
  idOf('agent', 2),
  idOf('agent', 3),
  'agent-x',
]
const AGENTS = [EVEN, ODD, ALONE, MANY]
const CONVERSATION = idOf('conv', 1)
const [PEN, BRUSH] = [idOf('tool', 1), idOf('tool', 2)]
const SECOND_NS = 1_000_000_000
const momentOf = (n: number) => `2026-03-01T${String(n % 24).padStart(2, '0')}:00:00.000${n % 10}00Z`
const STATUSES = ['completed', 'failed', 'cancelled'] as const
const REASONS = ['end_turn', 'llm_api_error', 'cancelled'] as const

async function insertRun(n: number): Promise<void> {
  const toolsUsed = [...(n % 3 === 0 ? [PEN] : []), ...(n % 4 === 0 ? [BRUSH] : [])]
  const agent = n % 2 ? ODD : EVEN
  const [project, template] = [n % 6 === 0 ? 'project-a' : null, n % 8 === 0 ? 'family-a' : null]
  await sql`with run as (
      insert into runs (organization_id, id, agent_id, conversation_id, in_default_conversation, status, stop_reason,
        background, project_id, base_template_id, created_at, completed_at)
      values (${DEFAULT_ORGANIZATION}, ${idOf('run', n)}, ${agent}, ${CONVERSATION}, ${n % 5 !== 0}, ${STATUSES[n % 3]},
        ${REASONS[n % 3]}, ${n % 4 === 1}, ${project}, ${template}, ${momentOf(n)}::timestamptz, now())
      returning *)
    insert into run_metrics (organization_id, id, agent_id, run_start_ns, run_ns, num_steps, tools_used, created_at,
      project_id, base_template_id)
    select organization_id, id, agent_id, 0, ${n * SECOND_NS}::bigint, ${n % 4}, ${toolsUsed.length > 0 ? toolsUsed : null},
      created_at, project_id, base_template_id from run`.execute(world.db)
}

type Filter = { query: string; holds(n: number): boolean; population?: true }
/** `population`: it also says among which runs a share is counted. */
const FILTERS: Filter[] = [
  { query: `run_id=${idOf('run', 12)}`, holds: (n) => n === 12 },
  { query: `agent_id=${EVEN}`, holds: (n) => n % 2 === 0, population: true },
  { query: 'statuses=failed&statuses=cancelled', holds: (n) => n % 3 !== 0, population: true },
  { query: 'stop_reason=llm_api_error', holds: (n) => n % 3 === 1 },
  { query: 'background=true', holds: (n) => n % 4 === 1 },
  { query: `conversation_id=${CONVERSATION}`, holds: (n) => n % 5 === 0 },
  { query: 'project_id=project-a', holds: (n) => n % 6 === 0, population: true },
  { query: 'template_family=family-a', holds: (n) => n % 8 === 0 },
  { query: 'step_count=2', holds: (n) => n % 4 === 2 },
  { query: 'step_count=2&step_count_operator=gte', holds: (n) => n % 4 >= 2 },
  { query: 'step_count=2&step_count_operator=lte', holds: (n) => n % 4 <= 2 },
  { query: `tools_used=${PEN}&tools_used=${BRUSH}`, holds: (n) => n % 3 === 0 || n % 4 === 0 },
  { query: `start_date=${momentOf(6)}`, holds: (n) => n >= 6 && n < 24 },
  { query: `end_date=${momentOf(18)}`, holds: (n) => n <= 18 || n === 24 },
  { query: `duration_value=${9 * SECOND_NS}&duration_operator=gt`, holds: (n) => n > 9 },
  { query: `duration_value=${9 * SECOND_NS}&duration_operator=lt`, holds: (n) => n < 9 },
  { query: `duration_value=${9 * SECOND_NS}&duration_operator=eq`, holds: (n) => n === 9 },
]

const numbers = Array.from({ length: COUNT }, (_, index) => index + 1)
const OURS = `agent_ids=${EVEN}&agent_ids=${ODD}`

async function found(query: string): Promise<number[]> {
  const { status, body } = await world.ask('GET', `/v1/_internal_runs?${OURS}&${query}`)
  expect(status, query).toBe(200)
  return body
    .map(({ id }: { id: string }) => Number.parseInt(id.slice(-12), 16))
    .sort((a: number, b: number) => a - b)
}

/** The shortest of the runs that are at least as long as a share of them. */
function threshold(durations: number[], percent: number): number {
  const at = (percent / 100) * (durations.length - 1)
  const [low = 0, high = low] = [durations[Math.floor(at)], durations[Math.ceil(at)]]
  return low + (high - low) * (at - Math.floor(at))
}

describe('6. list filters', () => {
  it.each(FILTERS)('$query', async ({ query, holds }) => {
    expect(await found(query)).toEqual(numbers.filter(holds))
  })

  it('each with every other', async () => {
    const pairs = FILTERS.flatMap((one, at) => FILTERS.slice(at + 1).map((other) => [one, other] as const))
    for (const [one, other] of pairs) {
      const isSame = one.query.split('=')[0] === other.query.split('=')[0]
      if (isSame) continue
      const both = numbers.filter((n) => one.holds(n) && other.holds(n))
      expect(await found(`${one.query}&${other.query}`), `${one.query} and ${other.query}`).toEqual(both)
    }
  })

  it.each([1, 50, 90, 100])(
    'a share of %i, alone and with every other: it is counted among agents, statuses, project',
    async (percent) => {
      for (const filter of [{ query: '', holds: () => true, population: true as const }, ...FILTERS]) {
        const among = filter.population ? numbers.filter(filter.holds) : numbers
        const from = threshold(among, percent)
        const expected = numbers.filter((n) => filter.holds(n) && n >= from)
        expect(await found(`duration_percentile=${percent}&${filter.query}`), filter.query).toEqual(expected)
      }
    },
  )

  it('a share of no run is no run, and a share of one run is that run', async () => {
    const ask = (agent: string, percent: number) =>
      world.ask('GET', `/v1/_internal_runs?agent_id=${agent}&duration_percentile=${percent}`)
    expect(await ask(NONE, 50)).toMatchObject({ status: 200, body: [] })
    const talked = await world.createAgent()
    await world.ask('POST', `/v1/agents/${talked}/messages`, { input: 'hello' })
    for (const percent of [1, 100]) expect((await ask(talked, percent)).body).toHaveLength(1)
  })

  it.each([
    'duration_percentile=101',
    'duration_percentile=0',
    'limit=0',
    'limit=1001',
    'stop_reason=nonsense',
    'step_count_operator=gt',
    'duration_operator=gte',
    'order_by=nonsense',
  ])('%s is 422', async (query) => {
    expect((await world.ask('GET', `/v1/_internal_runs?${query}`)).status).toBe(422)
  })

  it('an unknown status is 400 and says which', async () => {
    expect(await world.ask('GET', '/v1/runs/?statuses=done')).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining("'done' is not a valid RunStatus") },
    })
  })

  it.each([
    ['an operator alone', 'step_count_operator=gte'],
    ['a duration without an operator', 'duration_value=5'],
    ['an operator without a duration', 'duration_operator=gt'],
  ])('%s does nothing', async (_, query) => {
    expect(await found(query)).toEqual(numbers)
  })

  it('`active` is for lists without statuses; dates are inclusive for runs', async () => {
    expect(await found('active=true')).toEqual([])
    expect(await found('active=true&statuses=completed')).toEqual(numbers.filter((n) => n % 3 === 0))
    expect(await found(`start_date=${momentOf(7)}&end_date=${momentOf(7)}`)).toEqual([7])
  })

  it('by duration: the longest first, and each shows its duration', async () => {
    const { body } = await world.ask('GET', `/v1/_internal_runs?${OURS}&order_by=duration&limit=3`)
    expect(body.map(({ total_duration_ns: ns }: { total_duration_ns: number }) => ns / SECOND_NS)).toEqual([
      24, 23, 22,
    ])
  })
})

describe('7. pages of 500 runs that share one moment', () => {
  const SAME = 500
  beforeAll(async () => {
    await sql`with run as (
        insert into runs (organization_id, id, agent_id, conversation_id, in_default_conversation, status, stop_reason,
          created_at, completed_at)
        select ${DEFAULT_ORGANIZATION}, 'run-' || gen_random_uuid(), ${MANY}, ${CONVERSATION}, true, 'completed', 'end_turn',
          '2026-02-01T00:00:00.123456Z', now() from generate_series(1, ${SAME}::int)
        returning *)
      insert into run_metrics (organization_id, id, agent_id, run_start_ns, run_ns, num_steps, created_at)
      select organization_id, id, agent_id, 0, 5, 1, created_at from run`.execute(world.db)
  })

  const page = async (query: string): Promise<string[]> =>
    (await world.ask('GET', `/v1/_internal_runs?agent_id=${MANY}&limit=70&${query}`)).body.map(
      ({ id }: { id: string }) => id,
    )

  it.each(['created_at', 'duration'].flatMap((key) => ['asc', 'desc'].map((order) => ({ key, order }))))(
    'by $key, $order: on with `after`, and back with `before`',
    async ({ key, order }) => {
      const by = `order_by=${key}&order=${order}`
      const forth: string[][] = []
      for (let ids = await page(by); ids.length > 0; ids = await page(`${by}&after=${ids.at(-1)}`))
        forth.push(ids)
      expect(new Set(forth.flat()).size).toBe(SAME)
      expect(forth.flat()).toHaveLength(SAME)
      const back: string[][] = []
      const last = forth.flat().at(-1) ?? ''
      for (
        let ids = await page(`${by}&before=${last}`);
        ids.length > 0;
        ids = await page(`${by}&before=${ids[0]}`)
      )
        back.unshift(ids)
      expect([...back.flat(), last]).toEqual(forth.flat())
    },
  )

  it.each(['asc', 'desc'] as const)('the official client yields each once (%s)', async (order) => {
    const client = new Letta({ baseURL: world.url, apiKey: 'none' })
    const ids: string[] = []
    for await (const { id } of client.runs.list({ agent_id: MANY, limit: 60, order })) ids.push(id)
    expect(ids).toHaveLength(SAME)
    expect(new Set(ids).size).toBe(SAME)
  })
})

it('7. a run’s messages: `after` leads on and `before` back, in the order that is asked for', async () => {
  const agentId = await world.createAgent()
  const { body } = await world.ask('POST', `/v1/agents/${agentId}/messages`, { input: 'hello' })
  const path = `/v1/runs/${body.messages[0].run_id}/messages`
  const [said, answered] = (await world.ask('GET', path)).body
  for (const [order, first, second] of [
    ['asc', said, answered],
    ['desc', answered, said],
  ] as const) {
    expect((await world.ask('GET', `${path}?order=${order}`)).body).toEqual([first, second])
    expect((await world.ask('GET', `${path}?order=${order}&after=${first.id}`)).body).toEqual([second])
    expect((await world.ask('GET', `${path}?order=${order}&before=${second.id}`)).body).toEqual([first])
  }
})

it('8. a cursor of another organisation is answered as one that is not there', async () => {
  const stranger = (await world.ask('POST', '/v1/admin/orgs/', { name: 'Others' })).body
  const user = (await world.ask('POST', '/v1/admin/users/', { name: 'Eve', organization_id: stranger.id }))
    .body
  for (const [list, cursor, unknown] of [
    ['/v1/runs/', idOf('run', 12), idOf('run', 4_711)],
    ['/v1/_internal_runs', idOf('run', 12), idOf('run', 4_711)],
  ] as const) {
    const ask = async (id: string) => {
      const { status, body } = await world.ask('GET', `${list}?after=${id}`, undefined, { user_id: user.id })
      return { status, text: JSON.stringify(body).replaceAll(id, 'the cursor') }
    }
    expect(await ask(cursor)).toEqual(await ask(unknown))
    expect((await ask(cursor)).status).toBe(404)
  }
})

describe('with the old server’s cursors', () => {
  let old: ServerWorld
  beforeAll(async () => {
    old = await openServerWorld({ PERDURE_LEGACY_RUN_CURSORS: 'true' })
  })
  afterAll(() => old.close())

  it('`before` leads on, `after` back, and one that is not there is no cursor', async () => {
    const agentId = await old.createAgent()
    for (const text of ['one', 'two', 'three'])
      await old.ask('POST', `/v1/agents/${agentId}/messages`, { input: text })
    const list = async (query = ''): Promise<string[]> =>
      (await old.ask('GET', `/v1/runs/?agent_id=${agentId}${query}`)).body.map(({ id }: { id: string }) => id)
    const [third = '', second = '', first = ''] = await list()
    expect(await list(`&before=${second}`)).toEqual([first])
    expect(await list(`&after=${second}`)).toEqual([third])
    expect(await list(`&order=asc&before=${second}`)).toEqual([third])
    expect(await list(`&after=${idOf('run', 4_711)}`)).toEqual([third, second, first])
  })

  it('of a run’s messages are by age in either order', async () => {
    const agentId = await old.createAgent()
    const { body } = await old.ask('POST', `/v1/agents/${agentId}/messages`, { input: 'hello' })
    const path = `/v1/runs/${body.messages[0].run_id}/messages`
    const [said, answered] = (await old.ask('GET', path)).body
    for (const order of ['asc', 'desc']) {
      expect((await old.ask('GET', `${path}?order=${order}&after=${said.id}`)).body).toEqual([answered])
      expect((await old.ask('GET', `${path}?order=${order}&before=${answered.id}`)).body).toEqual([said])
    }
  })
})
