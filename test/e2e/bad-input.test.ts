import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Json } from '../../src/domain/json.ts'
import type { ApiDocument } from '../bad-input/json-schema.ts'
import { complaintOf } from '../bad-input/judge.ts'
import { createKnownThings } from '../bad-input/known-things.ts'
import { leaveEarly, sayRaw } from '../bad-input/raw-client.ts'
import { readVitalSigns } from '../bad-input/vital-signs.ts'
import { type Known, rightRequests, wrongRequests } from '../bad-input/wrong-requests.ts'
import { type ServerProcess, startServerProcess } from '../server-process.ts'

/**
 * A server that people, scripts and strangers ask wrongly: it says what is wrong, does not fall over, and keeps nothing
 * of it. `bad-input/soak.ts` does the same for as long as one likes, and measures memory.
 */
const DOCUMENT: ApiDocument = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../openapi.json'), 'utf8'),
)
const REQUESTS = 600
const AT_ONCE = 4
const MODEL = 'perdure/offline'
/** A connection for each request, so that none is kept for the next. */
const HEADERS = {
  'content-type': 'application/json',
  'x-stainless-package-version': '1.12.1',
  connection: 'close',
}

let folder: string
let server: ServerProcess
let known: Known
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'perdure bad '))
  server = await startServerProcess({ PERDURE_DATA_DIR: join(folder, 'data') })
  known = await createKnownThings(server.url)
}, 120_000)
afterAll(async () => {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
})

async function ask(method: string, path: string, body?: Json | string, headers: Record<string, string> = {}) {
  const response = await fetch(server.url + path, {
    method,
    headers: { ...HEADERS, ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

describe('every route', () => {
  it('says what is wrong with a request, and never crashes', async () => {
    const requests = wrongRequests(DOCUMENT, known, 1).take(REQUESTS)
    const complaints: string[] = []
    const askOn = async () => {
      for (const request of requests) {
        const complaint = await complaintOf(server.url, request)
        if (complaint) complaints.push(complaint)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, askOn))
    expect(complaints).toEqual([])
  }, 240_000)
})

describe('a body', () => {
  it.each<[string, string, RegExp]>([
    ['that is no JSON', '{"label": ', /json_invalid/],
    ['that is empty', '', /missing/],
    ['that is no object', '[]', /valid dictionary/],
    ['that is nested too deep', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, /Nested deeper/],
    ['that is nested and cut', '['.repeat(100_000), /json_invalid/],
    ['with a member of another type', '{"label": {"a": 1}, "value": ""}', /'label'.*valid string/],
  ])('%s is refused', async (_, text, detail) => {
    expect(await ask('POST', '/v1/blocks/', text)).toMatchObject({
      status: 422,
      body: { detail: expect.stringMatching(detail) },
    })
  })

  it('of 50 MB is read and refused', async () => {
    expect((await ask('POST', '/v1/blocks/', 'x'.repeat(50 * 1_048_576))).status).toBe(422)
  }, 120_000)

  it('that would be far too large is not waited for', async () => {
    const head = 'POST /v1/blocks/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n'
    expect(await sayRaw(server.url, [`${head}content-length: 1000000000\r\n\r\n{`])).toMatch(/ 413 .*larger/s)
  })

  it('loses what no database can hold: NUL, and halves of characters', async () => {
    const { status, body } = await ask('POST', '/v1/blocks/', '{"label": "a\\u0000b", "value": "c\\ud800d"}')
    expect({ status, label: body.label, value: body.value }).toEqual({
      status: 200,
      label: 'ab',
      value: 'cd',
    })
  })

  it('that says more than anybody needs is refused as a whole', async () => {
    const memory = Array.from({ length: 10_000 }, (_, index) => ({ label: `block ${index}`, value: 'v' }))
    const name = 'of many blocks'
    expect(await ask('POST', '/v1/agents/', { model: MODEL, name, memory_blocks: memory })).toMatchObject({
      status: 413,
      body: { detail: expect.stringContaining('more, or longer, values') },
    })
    expect((await ask('GET', `/v1/agents/?name=${encodeURIComponent(name)}`)).body).toEqual([])
    const some = await ask('POST', '/v1/agents/', { model: MODEL, memory_blocks: memory.slice(0, 1_000) })
    expect(some.body.blocks).toHaveLength(1_000)
  }, 120_000)

  it('with a name that is too long to be found again is refused', async () => {
    const label = Array.from({ length: 10_000 }, (_, index) => Math.sin(index).toString(36)).join('')
    expect((await ask('POST', '/v1/blocks/', { label, value: 'v' })).status).toBe(413)
    expect((await ask('GET', `/v1/blocks/?label=${'l'.repeat(10_000)}`)).body).toEqual([])
  })
})

describe('an id', () => {
  it.each([
    ['of nothing', '/v1/agents/agent-00000000-0000-4000-8000-0000000000aa', 404],
    ['of another kind', '/v1/agents/block-00000000-0000-4000-8000-0000000000aa', 422],
    ['that is none', '/v1/agents/%00%ff', 422],
    ['of a run that is none', '/v1/runs/not-an-id', 400],
    ['longer than an address may be', `/v1/agents/${'a'.repeat(10_000)}`, 422],
  ])('%s is told apart', async (_, path, status) => {
    expect(await ask('GET', path)).toMatchObject({ status, body: { detail: expect.any(String) } })
  })

  it.each([
    ['/v1/agents/?after=agent-bad', 200],
    ['/v1/blocks/?before=%00', 200],
    ['/v1/runs/?after=run-bad', 404],
    ['/v1/steps/?after=%F0%9F%99%82', 404],
    ['/v1/messages/?before=message-bad', 404],
    ['/v1/conversations/?after=conv-bad', 404],
  ])('that is no cursor is passed over, or missed: %s', async (path, status) => {
    expect((await ask('GET', path)).status).toBe(status)
  })
})

describe('a request', () => {
  it.each([
    ['without a method that its path has', 'PUT', '/v1/agents/', 405],
    ['of a method from elsewhere', 'PROPFIND', '/v1/agents/', 405],
    ['to nowhere', 'GET', '/v1/nothing', 404],
    ['to a place outside', 'GET', '/v1/../../etc/passwd', 404],
  ])('%s is refused', async (_, method, path, status) => {
    expect(await ask(method, path)).toMatchObject({ status, body: { detail: expect.any(String) } })
  })

  it('is read as JSON, whatever it is called', async () => {
    const body = { label: 'typed', value: 'v' }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'nonsense'])
      expect((await ask('POST', '/v1/blocks/', body, { 'content-type': type })).status).toBe(200)
  })

  const head = 'POST /v1/blocks/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n'
  it.each([
    ['that is no HTTP', 'hello\r\n\r\n', 400],
    ['with a header of 100 KB', `GET / HTTP/1.1\r\nhost: a\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
    ['with a method that nobody knows', 'BREW / HTTP/1.1\r\nhost: a\r\n\r\n', 400],
    ['without a host', 'GET /v1/health HTTP/1.1\r\nconnection: close\r\n\r\n', 400],
    ['with a host that is none', 'GET / HTTP/1.1\r\nhost: a b@[\r\nconnection: close\r\n\r\n', 400],
    ['longer than it says', `${head}content-length: 2\r\n\r\n{}{}{}\r\n\r\n`, 400],
    ['of two lengths', `${head}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400],
    [
      'of a length and of pieces',
      `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      400,
    ],
    ['of broken pieces', `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`, 400],
    ['with NUL in a header', 'GET / HTTP/1.1\r\nhost: a\r\nx: b\0c\r\n\r\n', 400],
    ['that expects something else', `${head}expect: tea\r\ncontent-length: 2\r\n\r\n{}`, 417],
    ['of an old client', 'GET /v1/health/ HTTP/1.0\r\n\r\n', 200],
  ])('%s is answered on its connection', async (_, text, status) => {
    expect(await sayRaw(server.url, [text])).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
  })
})

describe('a client that goes away', () => {
  const path = () => `/v1/agents/${known.agent_id}/messages/stream`
  it.each<[string, () => string]>([
    ['before its request is whole', () => 'POST /v1/blocks/ HTTP/1.1\r\nhost: a\r\n'],
    [
      'in the middle of its body',
      () => 'POST /v1/blocks/ HTTP/1.1\r\nhost: a\r\ncontent-length: 99\r\n\r\n{"a"',
    ],
    ['before its answer', () => 'GET /v1/tools/ HTTP/1.1\r\nhost: a\r\n\r\n'],
    [
      'in the middle of a stream',
      () =>
        `POST ${path()} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 38\r\n\r\n{"input": "Hello", "streaming": true  }`,
    ],
  ])('%s leaves nothing behind', async (_, text) => {
    await Promise.all(Array.from({ length: 50 }, () => leaveEarly(server.url, text())))
    expect((await ask('GET', '/v1/health/')).status).toBe(200)
  })
})

describe('25. tenancy: a stranger', () => {
  it('finds nothing of another organisation', async () => {
    const organization = (await ask('POST', '/v1/admin/orgs/', { name: 'Others' })).body
    const user = (await ask('POST', '/v1/admin/users/', { name: 'Eve', organization_id: organization.id }))
      .body
    const found: string[] = []
    for (const request of rightRequests(DOCUMENT, known)) {
      const { status, body } = await ask(request.method, request.path, request.body, { user_id: user.id })
      if (status < 400 && !isNothing(body)) found.push(`${request.method} ${request.path} ${status}`)
    }
    expect(found).toEqual([])
  }, 120_000)

  it('is nobody without a known id', async () => {
    expect((await ask('GET', '/v1/agents/', undefined, { user_id: 'bad' })).status).toBe(400)
    const unknown = 'user-00000000-0000-4000-8000-0000000000aa'
    expect((await ask('GET', '/v1/agents/', undefined, { user_id: unknown })).status).toBe(404)
  })
})

describe('afterwards', () => {
  it('no connection, no stream and no database connection is left', async () => {
    await expect
      .poll(() => readVitalSigns(server.url), { timeout: 20_000, interval: 250 })
      .toMatchObject({ connections: 1, streams: 0, databaseInUse: 0 })
  }, 30_000)

  it('the server does its work', async () => {
    const answer = await ask('POST', `/v1/agents/${known.agent_id}/messages`, { input: 'Hello' })
    expect(answer).toMatchObject({ status: 200, body: { stop_reason: { stop_reason: 'end_turn' } } })
  })
})

/** An empty list, an empty object, or null: what there is of a thing that one does not have. */
function isNothing(body: Json): boolean {
  return body === null || body === 0 || (typeof body === 'object' && Object.keys(body).length === 0)
}
