import { createParser } from 'eventsource-parser'
import type { Json, JsonObject } from '../domain/json.ts'
import type { Fetch } from './wires.ts'

/** The end of a chat stream, as servers say it that say nothing else. */
const DONE = /data:\s*\[DONE\]\s*$/

/**
 * One call as it goes over the wire, which the SDK shows only in parts: the body that is sent, and all that is answered to
 * it. An answer is kept as the text that it is, and read when it is over: that is a tenth of what its pieces take as objects.
 */
export class Exchange {
  readonly #amend: (body: JsonObject) => JsonObject
  readonly #send: Fetch
  readonly #onPiece: () => void
  /** Null: nothing was sent. */
  request: JsonObject | null = null
  #text = ''

  /** `onPiece` hears of everything that the provider says, but comments: they say that somebody is there, not that it works. */
  constructor(amend: (body: JsonObject) => JsonObject, send: Fetch, onPiece: () => void) {
    this.#amend = amend
    this.#send = send
    this.#onPiece = onPiece
  }

  readonly fetch: Fetch = async (url, init) => {
    if (typeof init?.body !== 'string') return this.#send(url, init)
    this.request = this.#amend(JSON.parse(init.body) as JsonObject)
    return this.#watched(await this.#send(url, { ...init, body: JSON.stringify(this.request) }))
  }

  /** Passes the answer on as it is read. A transform stream would cost each piece several times as much. */
  #watched(response: Response): Response {
    if (!response.body || !response.ok) return response
    const reader = response.body.getReader()
    const decoder = new TextDecoder()
    const watched = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read()
          if (done) return controller.close()
          const piece = decoder.decode(value, { stream: true })
          this.#text += piece
          if (!piece.startsWith(':')) this.#onPiece()
          controller.enqueue(value)
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    )
    return new Response(watched, response)
  }

  /** Whether a chat stream has said that it is over. */
  get saidDone(): boolean {
    return DONE.test(this.#text.slice(-64))
  }

  /** The events of a streamed answer, in order. */
  get events(): Json[] {
    const events: Json[] = []
    const parser = createParser({ onEvent: ({ data }) => events.push(...jsonIn(data)) })
    parser.feed(this.#text)
    return events
  }
}

/** None, for what is no JSON: the end of a chat stream. */
function jsonIn(text: string): Json[] {
  try {
    return [JSON.parse(text) as Json]
  } catch {
    return []
  }
}
