import type { Json, JsonObject } from '../domain/json.ts'
import type { Fetch } from './wires.ts'

/** The end of a chat stream, as servers say it that say nothing else. */
const DONE = /data:\s*\[DONE\]\s*$/

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
  saidDone = false

  constructor(amend: (body: JsonObject) => JsonObject, send: Fetch) {
    this.#amend = amend
    this.#send = send
  }

  readonly fetch: Fetch = async (url, init) => {
    if (typeof init?.body !== 'string') return this.#send(url, init)
    this.request = this.#amend(JSON.parse(init.body) as JsonObject)
    return this.#watched(await this.#send(url, { ...init, body: JSON.stringify(this.request) }))
  }

  #watched(response: Response): Response {
    if (!response.body || !response.headers.get('content-type')?.includes('event-stream')) return response
    const decoder = new TextDecoder()
    let tail = ''
    const watch = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (bytes, controller) => {
        tail = (tail + decoder.decode(bytes, { stream: true })).slice(-64)
        this.saidDone = DONE.test(tail)
        controller.enqueue(bytes)
      },
    })
    return new Response(response.body.pipeThrough(watch), response)
  }
}
