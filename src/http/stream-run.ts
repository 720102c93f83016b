import type { NumberedFrame } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { EngineDeps } from '../worker/deps.ts'
import { followRun, StreamExpired } from '../worker/follow-run.ts'
import { encodeFrame, encodePing, STREAM_END } from './wire/frame.ts'

export type StreamOptions = {
  /** Frames up to this number were seen. */
  afterSeq: number
  includePings: boolean
  /** Events carry their number as `id`, for readers that come back with `Last-Event-ID`. */
  withIds?: boolean
  /** Silence after which a ping is sent, in milliseconds. */
  pingMs: number
  /** A frame as the reader's client wants it, empty for one that it does not; undefined: the API's own form. */
  encode?: (numbered: NumberedFrame) => string
  /** How long a reader that takes nothing is kept, in milliseconds. */
  stuckMs?: number
}

const STUCK_MS = 60_000

const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  'x-accel-buffering': 'no',
}

/**
 * A run's frames as server-sent events. The stream only looks on: closing it ends nothing, and a reader that is slow
 * makes nothing slow, because frames are read when they are taken.
 */
export function streamRun(
  deps: Pick<EngineDeps, 'db' | 'hub' | 'sent'>,
  organizationId: OrganizationId,
  runId: RunId,
  options: StreamOptions,
): Response {
  const gone = new AbortController()
  const frames = followRun(deps, organizationId, runId, options.afterSeq, gone.signal)
  const pump = new Pump(frames, runId, options, gone, () => deps.sent.add(runId))
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => pump.start(controller),
      pull: () => pump.pull(),
      cancel: () => pump.close(),
    },
    { highWaterMark: 1 },
  )
  return new Response(body, { headers: HEADERS })
}

class Pump {
  readonly #frames: AsyncGenerator<NumberedFrame[], void>
  readonly #runId: RunId
  readonly #options: StreamOptions
  readonly #gone: AbortController
  readonly #onSent: () => void
  readonly #encoder = new TextEncoder()
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined
  #seq: number
  /** Runs from one piece that was sent to the next. */
  #silence: NodeJS.Timeout | undefined
  #stuck: NodeJS.Timeout | undefined

  constructor(
    frames: AsyncGenerator<NumberedFrame[], void>,
    runId: RunId,
    options: StreamOptions,
    gone: AbortController,
    onSent: () => void,
  ) {
    this.#frames = frames
    this.#runId = runId
    this.#options = options
    this.#gone = gone
    this.#onSent = onSent
    this.#seq = options.afterSeq
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    const { includePings, pingMs, stuckMs = STUCK_MS } = this.#options
    this.#controller = controller
    if (includePings) this.#silence = setTimeout(() => this.#ping(), pingMs).unref()
    this.#stuck = setTimeout(() => this.#dropStuck(), stuckMs).unref()
  }

  /** Called when the reader has room: gives it all the frames that there are by now, or the next one. */
  async pull(): Promise<void> {
    while (!this.#gone.signal.aborted) {
      const text = await this.#nextText()
      if (this.#gone.signal.aborted) return
      if (text === null) {
        this.#send(STREAM_END)
        this.#controller?.close()
        this.#onSent()
        return this.close()
      }
      if (text !== '') return this.#send(text)
    }
  }

  close(): void {
    clearTimeout(this.#silence)
    clearTimeout(this.#stuck)
    this.#gone.abort()
    // Frames that were taken and not asked on behind would keep their feed open.
    void this.#frames.return().catch(() => undefined)
  }

  #send(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text))
    this.#silence?.refresh()
    this.#stuck?.refresh()
  }

  get #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0
  }

  #ping(): void {
    if (this.#hasRoom) this.#send(encodePing(this.#seq, this.#runId))
    else this.#silence?.refresh()
  }

  /** A reader that has taken nothing since the last piece is gone, whatever its socket says: it is closed. */
  #dropStuck(): void {
    if (this.#hasRoom) return
    this.close()
    this.#controller?.error(new Error('the reader of a stream took nothing for too long'))
  }

  /** Null: the stream has ended. Empty: frames that this reader does not want. */
  async #nextText(): Promise<string | null> {
    try {
      const { value: frames } = await this.#frames.next()
      return frames ? frames.map((numbered) => this.#textOf(numbered)).join('') : null
    } catch (error) {
      if (error instanceof StreamExpired) return this.#expired(error)
      throw error
    }
  }

  #textOf(numbered: NumberedFrame): string {
    this.#seq = numbered.seq
    const { encode, withIds, includePings } = this.#options
    if (numbered.frame.kind === 'ping' && !includePings) return ''
    const text = encode ? encode(numbered) : encodeFrame(numbered, this.#runId)
    return withIds && text !== '' ? `id: ${this.#seq}\n${text}` : text
  }

  /** The rest is gone: the reader is told, so that it does not take the gap for the end. */
  #expired({ message }: StreamExpired): string {
    const error = { errorType: 'stream_expired', message, detail: null, modelFailure: null }
    return encodeFrame({ seq: this.#seq, frame: { kind: 'error', error } }, this.#runId)
  }
}
