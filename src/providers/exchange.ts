import { createParser } from 'eventsource-parser'
import type { Json, JsonObject } from '../domain/json.ts'
import type { SendCall } from './send-call.ts'
import type { Fetch } from './wires.ts'

/** The end of a chat stream, as servers say it that say nothing else. */
const DONE = /data:\s*\[DONE\]\s*$/

/**
 * One call as it goes over the wire, which the SDK shows only in parts: the body that is sent, and all that is answered to
 * it. Both are kept as the text that they are, and read when the call is over: that is a tenth of what they take as objects.
 */
export class Exchange {
  readonly #amend: (body: JsonObject) => JsonObject
  readonly #send: SendCall
  readonly #onPiece: () => void
  readonly #decoder = new TextDecoder()
  #sent: string | null = null
  #text = ''

  /** `onPiece` hears of everything that the provider says, but comments: they say that somebody is there, not that it works. */
  constructor(amend: (body: JsonObject) => JsonObject, send: SendCall, onPiece: () => void) {
    this.#amend = amend
    this.#send = send
    this.#onPiece = onPiece
  }

  readonly fetch: Fetch = async (url, init) => {
    if (typeof init?.body !== 'string') throw new Error('a call of a model has a text as its body')
    this.#sent = JSON.stringify(this.#amend(JSON.parse(init.body) as JsonObject))
    return this.#send({
      url: String(url),
      headers: Object.fromEntries(new Headers(init.headers)),
      body: this.#sent,
      signal: init.signal ?? null,
      onPiece: (piece) => this.#hear(this.#decoder.decode(piece, { stream: true })),
    })
  }

  #hear(piece: string): void {
    this.#text += piece
    if (!piece.startsWith(':')) this.#onPiece()
  }

  /** Null: nothing was sent. */
  get request(): JsonObject | null {
    return this.#sent === null ? null : (JSON.parse(this.#sent) as JsonObject)
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
