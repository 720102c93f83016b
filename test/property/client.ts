import type { World } from './world.ts'

/** What became of a request, as its sender saw it. */
export type Heard = {
  what: string
  status: number | null
  text: string
  /** Nobody was listening any more: the client hung up, or the server died. */
  cut: boolean
}

/** Sends a request and reads the answer to its end, unless the client leaves after the first piece. */
export async function send(
  world: World,
  path: string,
  body: unknown,
  what: string,
  leaves: boolean,
  method = 'POST',
): Promise<Heard> {
  const gone = new AbortController()
  const connection = world.life.connections.signal
  let status: number | null = null
  let text = ''
  try {
    const response = await raced(world.fetch(method, path, body, gone.signal), connection)
    status = response.status
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    while (reader) {
      const { done, value } = await raced(reader.read(), connection)
      if (done) break
      text += value
      if (!leaves) continue
      gone.abort()
      await reader.cancel()
      return { what, status, text, cut: true }
    }
  } catch (error) {
    if (!connection.aborted && !gone.signal.aborted) throw error
    return { what, status, text, cut: true }
  }
  return { what, status, text, cut: connection.aborted }
}

/** A connection that is cut does not answer, whatever the server still does. */
async function raced<Result>(answer: Promise<Result>, connection: AbortSignal): Promise<Result> {
  const cut = new Promise<never>((_, reject) => {
    const stop = () => reject(new Error('the connection was cut'))
    if (connection.aborted) stop()
    else connection.addEventListener('abort', stop, { once: true })
  })
  answer.catch(() => undefined)
  return Promise.race([answer, cut])
}

/** The events of a stream, in the order in which they came; the last one of a whole stream is `[DONE]`. */
export function eventsOf(text: string): (Record<string, unknown> | '[DONE]')[] {
  return text
    .split('\n\n')
    .flatMap((block) => block.split('\n').filter((line) => line.startsWith('data: ')))
    .map((line) => line.slice('data: '.length))
    .map((data) => (data === '[DONE]' ? data : JSON.parse(data)))
}
