import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'

export type HookCall = { path: string; headers: IncomingHttpHeaders; text: string }

/** What the hook answers to a call: a status, or nothing at all, ever. */
export type HookAnswer = number | 'silence'

export type Hook = {
  url: string
  calls: HookCall[]
  close(): Promise<void>
}

/** An address that listens to callbacks. `answer` is asked with the call and how often its body came before. */
export async function openHook(answer: (call: HookCall, repeats: number) => HookAnswer): Promise<Hook> {
  const calls: HookCall[] = []
  const seen = new Map<string, number>()
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    const call = { path: request.url ?? '', headers: request.headers, text }
    calls.push(call)
    const body = createHash('sha256').update(text).digest('hex')
    const repeats = seen.get(body) ?? 0
    seen.set(body, repeats + 1)
    const status = answer(call, repeats)
    if (status !== 'silence') response.writeHead(status).end()
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
