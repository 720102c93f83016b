import type { Json, JsonObject } from '../domain/json.ts'
import type { Fetch } from './wires.ts'

/** The end of a chat stream, as servers say it that say nothing else. */
const DONE = /data:\s*\[DONE\]\s*$/

/** Pieces of which the end is kept: enough for its last line, into however small pieces it is cut. */
const TAIL_PIECES = 16

/**
 * One call as it goes over the wire, which the SDK shows only in parts: the body that is sent, and whether the provider
 * said that its stream was over.
 */
export class Exchange {
  readonly #amend: (body: JsonObject) => JsonObject
  readonly #send: Fetch
  /** Null: nothing was sent. */
  request: JsonObject | null = null
  /** The pieces of a streamed answer, in order. */
  readonly pieces: Json[] = []
  #tail: Uint8Array[] = []

  constructor(amend: (body: JsonObject) => JsonObject, send: Fetch) {
    this.#amend = amend
    this.#send = send
  }

  readonly fetch: Fetch = async (url, init) => {
    if (typeof init?.body !== 'string') return this.#send(url, init)
    this.request = this.#amend(JSON.parse(init.body) as JsonObject)
    return this.#watched(await this.#send(url, { ...init, body: JSON.stringify(this.request) }))
  }

  /** Passes the answer on as it is read. A transform stream would cost each piece several times as much. */
  #watched(response: Response): Response {
    if (!response.body || !response.headers.get('content-type')?.includes('event-stream')) return response
    const reader = response.body.getReader()
    const watched = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        pull: async (controller) => {
          const { done, value } = await reader.read()
          if (done) return controller.close()
          this.#tail = [...this.#tail, value].slice(-TAIL_PIECES)
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
    return DONE.test(Buffer.concat(this.#tail).toString())
  }
}
