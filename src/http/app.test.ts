import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpWorld, openHttpWorld } from '../../test/http-world.ts'

const PASSWORD = 'open sesame'
const MODEL = 'openai-proxy/gpt-4o-mini'

let world: HttpWorld
let locked: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld({ bodyBytesMax: 100_000, corsOrigins: ['https://ours.example'] })
  locked = await openHttpWorld({ password: PASSWORD })
})
afterAll(async () => {
  await world.close()
  await locked.close()
})

describe('addresses', () => {
  it.each(['/v1/health', '/v1/health/', '/latest/health', '/latest/health/'])('serves %s', async (path) => {
    expect(await world.ask('GET', path)).toMatchObject({
      status: 200,
      body: { version: '0.16.8', status: 'ok' },
    })
  })

  it('says that a path is not there', async () => {
    expect(await world.ask('GET', '/v1/no-such-route')).toMatchObject({
      status: 404,
      body: { detail: 'Not Found' },
    })
    expect((await world.ask('GET', '/no-such-page')).status).toBe(404)
  })

  it('says which methods a path has', async () => {
    const answer = await world.ask('PUT', '/v1/agents/agent-123', {})
    expect(answer).toMatchObject({ status: 405, body: { detail: 'Method Not Allowed' } })
    expect(answer.headers.get('allow')).toBe('DELETE, GET, PATCH')
  })

  it.each(['/v1/agents/', '/latest/agents', '/v1/health/', '/v1/agents/agent-123'])(
    'offers no HEAD at %s',
    async (path) => {
      const answer = await world.fetch(path, { method: 'HEAD' })
      expect(answer.status).toBe(405)
      expect(answer.headers.get('allow')).toContain('GET')
    },
  )

  it('leads a browser to the list of operations', async () => {
    const answer = await world.ask('GET', '/')
    expect([answer.status, answer.headers.get('location')]).toEqual([307, '/docs'])
    expect((await world.ask('GET', '/docs')).body).toContain('/v1/agents/{agent_id}')
  })
})

describe('who asks', () => {
  it('refuses whoever does not know the password', async () => {
    for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: PASSWORD }]) {
      const answer = await locked.ask('GET', '/v1/agents/', undefined, headers)
      expect(answer).toMatchObject({ status: 401, body: { detail: 'Unauthorized' } })
    }
  })

  it.each([{ authorization: `Bearer ${PASSWORD}` }, { 'x-bare-password': `password ${PASSWORD}` }])(
    'lets %j in',
    async (headers) => {
      expect((await locked.ask('GET', '/v1/agents/', undefined, headers)).status).toBe(200)
    },
  )

  it('lets anybody see whether the server is there, and nothing else', async () => {
    expect((await locked.ask('GET', '/v1/health/')).status).toBe(200)
    expect((await locked.ask('GET', '/latest/ready')).status).toBe(200)
    expect((await locked.ask('GET', '/openapi.json')).status).toBe(401)
  })

  it('works for the user that a header names, in its own organisation', async () => {
    const org = await world.ask('POST', '/v1/admin/orgs/', { name: 'other' })
    const user = await world.ask('POST', '/v1/admin/users/', { name: 'Ann', organization_id: org.body.id })
    await world.ask('POST', '/v1/blocks/', { label: 'ours', value: 'x' })
    const theirs = await world.ask('GET', '/v1/blocks/', undefined, { user_id: user.body.id })
    expect(theirs.body).toEqual([])
  })

  it('refuses users that it does not know, and names that are none', async () => {
    const unknown = await world.ask('GET', '/v1/agents/', undefined, {
      user_id: 'user-00000000-0000-4000-8000-0000000000aa',
    })
    expect(unknown.status).toBe(404)
    const bad = await world.ask('GET', '/v1/agents/', undefined, { user_id: 'bad' })
    expect(bad).toMatchObject({
      status: 400,
      body: { detail: "INVALID_ARGUMENT: Invalid user ID format: bad. Expected format: 'user-<uuid4>'" },
    })
  })
})

describe('pages from elsewhere', () => {
  const preflight = (origin: string) =>
    world.ask('OPTIONS', '/v1/agents/', undefined, { origin, 'access-control-request-method': 'POST' })

  it.each(['http://localhost:3000', 'https://ours.example'])('may call from %s', async (origin) => {
    const answer = await preflight(origin)
    expect(answer).toMatchObject({ status: 200, body: 'OK' })
    expect(answer.headers.get('access-control-allow-origin')).toBe(origin)
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
  })

  it('may not call from anywhere else', async () => {
    expect(await preflight('https://evil.example')).toMatchObject({
      status: 400,
      body: 'Disallowed CORS origin',
    })
  })

  it('can read a refusal', async () => {
    const answer = await locked.ask('GET', '/v1/agents/', undefined, { origin: 'http://localhost:3000' })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([
      401,
      'http://localhost:3000',
    ])
  })
})

describe('bodies', () => {
  it.each(['{', '', 'nonsense', '{"label": }'])('that are no JSON do not fit: %j', async (text) => {
    const answer = await world.send('POST', '/v1/blocks/', text)
    expect(answer.status).toBe(422)
    expect(answer.body).toMatchObject({ trace_id: '', detail: expect.any(String) })
  })

  it('that are nested too deeply do not fit', async () => {
    const deep = '['.repeat(40_000) + ']'.repeat(40_000)
    expect(
      (await world.send('POST', '/v1/blocks/', `{"label": "x", "metadata": {"a": ${deep}}}`)).status,
    ).toBe(422)
  })

  it('that are too long are not read', async () => {
    const answer = await world.ask('POST', '/v1/blocks/', { label: 'x', value: 'a'.repeat(200_000) })
    expect(answer).toMatchObject({ status: 413, body: { detail: expect.stringContaining('100000 bytes') } })
  })

  it('lose what no database can store', async () => {
    const answer = await world.send(
      'POST',
      '/v1/blocks/',
      '{"label": "x", "value": "a\\u0000b\\ud800c\\ud83d\\ude00"}',
    )
    expect(answer.body.value).toBe('abc😀')
  })

  it('keep whole numbers that are longer than a double', async () => {
    const sent = '{"label": "x", "value": "", "metadata": {"id": 12345678901234567890}}'
    const { id } = (await world.send('POST', '/v1/blocks/', sent)).body
    const { rows } = await sql<{ id: string }>`
      select metadata->>'id' as id from blocks where id = ${id}
    `.execute(world.db)
    expect(rows[0]?.id).toBe('12345678901234567890')
  })
})

describe('trouble', () => {
  it('of our own is said to us and not to the caller', async () => {
    const broken = await openHttpWorld()
    await broken.db.schema.dropTable('agent_secrets').execute()
    const answer = await broken.ask('POST', '/v1/agents/', { model: MODEL, secrets: { A: 'b' } })
    expect(answer).toMatchObject({ status: 500, body: { detail: 'An unknown error occurred' } })
    expect(broken.observations).toMatchObject([
      { type: 'request_crashed', path: '/v1/agents' },
      { type: 'request_ended', status: 500 },
    ])
    await broken.close()
  })
})
