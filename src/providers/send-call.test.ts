import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { APICallError } from '@ai-sdk/provider'
import { afterEach, expect, it } from 'vitest'
import { classifyFailure } from './classify-failure.ts'
import { type Call, sendCall } from './send-call.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function serve(listener: RequestListener): Promise<string> {
  server = createServer(listener)
  await new Promise<void>((ready) => server?.listen(0, '127.0.0.1', ready))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const callTo = (url: string, more: Partial<Call> = {}): Call => ({
  url,
  headers: { 'content-type': 'application/json', authorization: 'Bearer k' },
  body: '{"a":"ä"}',
  signal: null,
  onPiece: () => undefined,
  ...more,
})

it('sends a body whole, and shows the answer piece by piece with its status and headers', async () => {
  let got = ''
  const url = await serve(async (request, response) => {
    for await (const piece of request) got += piece
    response.writeHead(200, { 'content-type': 'text/event-stream', 'x-id': '7' })
    response.write('one ')
    await sleep(30)
    response.end('two')
  })
  const pieces: string[] = []
  const answer = await sendCall(callTo(url, { onPiece: (piece) => void pieces.push(String(piece)) }))
  expect(answer.headers.get('x-id')).toBe('7')
  expect(await answer.text()).toBe('one two')
  expect(pieces).toEqual(['one ', 'two'])
  expect(got).toBe('{"a":"ä"}')
})

it('a refusal is an answer', async () => {
  const url = await serve((_, response) => response.writeHead(429, { 'retry-after': '2' }).end('{"error":1}'))
  const answer = await sendCall(callTo(url))
  expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
    429,
    '2',
    '{"error":1}',
  ])
})

it('a redirect is not followed, and says where the API is', async () => {
  const asked: string[] = []
  const url = await serve((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(308, { location: 'https://elsewhere.example/v1' }).end()
  })
  const failed = await sendCall(callTo(`${url}/v1`)).catch((error: unknown) => error)
  expect(APICallError.isInstance(failed)).toBe(true)
  expect(classifyFailure(failed, false)).toMatchObject({
    kind: 'bad_request',
    status: 308,
    detail: expect.stringContaining('redirects to https://elsewhere.example/v1'),
  })
  expect(asked).toEqual(['/v1'])
})

it.each([
  ['before it answers', 0],
  ['in the middle of an answer', 1],
])('a provider that goes away %s is a broken connection', async (_, pieces) => {
  const url = await serve(async (_, response) => {
    if (pieces > 0) response.write('one')
    await sleep(20)
    response.destroy()
  })
  const failed = await sendCall(callTo(url))
    .then((answer) => answer.text())
    .catch((error: unknown) => error)
  expect(classifyFailure(failed, pieces > 0).kind).toBe('connection')
})

it('nobody at the address is a connection that failed', async () => {
  const url = await serve(() => undefined)
  await new Promise((closed) => server?.close(closed))
  const failed = await sendCall(callTo(url)).catch((error: unknown) => error)
  expect(failed).toBeInstanceOf(TypeError)
  expect(classifyFailure(failed, false).kind).toBe('connection')
})

it.each([
  ['before the answer', 0],
  ['in its middle', 1],
])('stops a call %s, with the reason of who stops it', async (_, pieces) => {
  const abort = new AbortController()
  let gone = false
  const url = await serve((_, response) => {
    response.on('close', () => {
      gone = true
    })
    if (pieces > 0) response.write('one')
  })
  setTimeout(() => abort.abort(new Error('enough')), 100)
  const reading = sendCall(callTo(url, { signal: abort.signal })).then((answer) => answer.text())
  await expect(reading).rejects.toThrow('enough')
  await expect.poll(() => gone).toBe(true)
})

it('a provider that speaks faster than it is read has to wait', async () => {
  const piece = 'x'.repeat(64_000)
  let sent = 0
  const url = await serve((_, response) => {
    const more = () => {
      while (sent < 2_000 && response.write(piece)) sent += 1
      if (sent >= 2_000) response.end()
    }
    response.on('drain', () => {
      sent += 1
      more()
    })
    more()
  })
  const answer = await sendCall(callTo(url))
  await sleep(300)
  expect(sent).toBeLessThan(1_000)
  expect((await answer.text()).length).toBeGreaterThanOrEqual(2_000 * piece.length)
})

it('a connection is used again', async () => {
  const ports = new Set<number | undefined>()
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort)
    response.end('fine')
  })
  for (let index = 0; index < 3; index++) await (await sendCall(callTo(url))).text()
  expect(ports.size).toBe(1)
})
