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
    { pull: (controller) => pump.pull(controller), cancel: () => pump.close() },
    { highWaterMark: 1 },
  )
  return new Response(body, { headers: HEADERS })
}

class Pump {
  readonly #frames: AsyncGenerator<NumberedFrame, void>
  readonly #runId: RunId
  readonly #options: StreamOptions
  readonly #gone: AbortController
  readonly #onSent: () => void
  readonly #encoder = new TextEncoder()
  #next: Promise<IteratorResult<NumberedFrame, void>> | undefined
  #seq: number
  #stuck: NodeJS.Timeout | undefined
  #expired = false

  constructor(
    frames: AsyncGenerator<NumberedFrame, void>,
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

  /** Called when the reader has room: gives it the next frame, or a ping if there is none for a while. */
  async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    clearTimeout(this.#stuck)
    while (true) {
      const text = await this.#nextText()
      if (text === null) {
        controller.enqueue(this.#encoder.encode(STREAM_END))
        controller.close()
        this.#onSent()
        return this.close()
      }
      if (text === '') continue
      controller.enqueue(this.#encoder.encode(text))
      // A reader that takes nothing for a minute is gone, whatever its socket says.
      this.#stuck = setTimeout(() => this.#drop(controller), this.#options.stuckMs ?? STUCK_MS)
      this.#stuck.unref()
      return
    }
  }

  /** The socket of a reader that takes nothing is closed. */
  #drop(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.close()
    controller.error(new Error('the reader of a stream took nothing for too long'))
  }

  close(): void {
    clearTimeout(this.#stuck)
    this.#gone.abort()
  }

  /** Null: the stream has ended. Empty: a frame that this reader does not want. */
  async #nextText(): Promise<string | null> {
    if (this.#expired) return null
    this.#next ??= this.#frames.next()
    const result = await Promise.race([this.#next, this.#silence()]).catch((error: unknown) => {
      if (error instanceof StreamExpired) return error
      throw error
    })
    if (result instanceof StreamExpired) return this.#expire(result)
    if (result === 'silence') return this.#options.includePings ? encodePing(this.#seq, this.#runId) : ''
    this.#next = undefined
    if (result.done) return null
    this.#seq = result.value.seq
    if (result.value.frame.kind === 'ping' && !this.#options.includePings) return ''
    const { encode, withIds } = this.#options
    const text = encode ? encode(result.value) : encodeFrame(result.value, this.#runId)
    return withIds && text !== '' ? `id: ${this.#seq}\n${text}` : text
  }

  /** The rest is gone: the reader is told, so that it does not take the gap for the end. */
  #expire({ message }: StreamExpired): string {
    this.#expired = true
    const error = { errorType: 'stream_expired', message, detail: null, modelFailure: null }
    return encodeFrame({ seq: this.#seq, frame: { kind: 'error', error } }, this.#runId)
  }

  async #silence(): Promise<'silence'> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve('silence'), this.#options.pingMs)
      this.#next?.finally(() => clearTimeout(timer)).catch(() => undefined)
    })
  }
}
