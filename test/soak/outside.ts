import { once } from 'node:events'
import { createServer } from 'node:http'

/** The world outside: counts what tools do to it, note by note. A note that is there twice is an effect that happened twice. */
export type Outside = { url: string; counts: Map<string, number>; close(): Promise<void> }

/** Tools are answered late, so that servers die between an effect and its answer. */
const ANSWER_MS_MAX = 200

/** `heard` is called while the tool still waits for its answer. */
export async function openOutside(heard: (note: string) => void = () => undefined): Promise<Outside> {
  const counts = new Map<string, number>()
  const server = createServer((request, response) => {
    let note = ''
    request.setEncoding('utf8').on('data', (text: string) => {
      note += text
    })
    request.on('end', () => {
      counts.set(note, (counts.get(note) ?? 0) + 1)
      heard(note)
      setTimeout(() => response.end('noted'), Math.random() * ANSWER_MS_MAX)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}`,
    counts,
    async close() {
      server.closeAllConnections()
      server.close()
    },
  }
}
