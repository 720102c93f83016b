import {
  APICallError,
  type LanguageModelV4CallOptions,
  type LanguageModelV4StreamPart,
  type LanguageModelV4StreamResult,
} from '@ai-sdk/provider'
import type { ModelFailure } from '../domain/failure.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { Model, ModelDelta, ModelReply, ModelRequest } from '../domain/model.ts'
import { classifyFailure, failureOf } from './classify-failure.ts'
import { StreamDecoder } from './decode-stream.ts'
import { encodeChoice, encodePrompt, encodeTools } from './encode-prompt.ts'
import { Exchange } from './exchange.ts'
import { type SendCall, sendCall } from './send-call.ts'
import type { ProviderSettings } from './settings.ts'
import type { Wire } from './wires.ts'

/** Milliseconds. */
export type Patience = { firstPieceMs: number; betweenPiecesMs: number }

export const PATIENCE: Patience = { firstPieceMs: 300_000, betweenPiecesMs: 120_000 }

/** A model behind one of the SDK's provider packages. One path: an answer that nobody watches is streamed as well. */
export class SdkModel implements Model {
  readonly #settings: ProviderSettings
  readonly #wire: Wire
  readonly #patience: Patience

  constructor(settings: ProviderSettings, wire: Wire, patience: Patience = PATIENCE) {
    this.#settings = settings
    this.#wire = wire
    this.#patience = patience
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelDelta, ModelReply> {
    const watch = new Watch(signal, this.#patience)
    const decoder = new StreamDecoder(this.#wire)
    const exchange = this.#exchange(request, sendCall, () => watch.heard())
    const failed = (failure: ModelFailure, error?: unknown): ModelReply => ({
      ok: false,
      failure: { ...failure, shown },
      trace: { request: exchange.request, response: answered() ?? bodyOf(error, failure) },
    })
    const pieces: Json[] = []
    const answered = (): Json => {
      const all = this.#wire.hasOwnFraming ? pieces : exchange.events
      return all.length > 0 ? this.#wire.whole(all) : null
    }
    let started = false
    let shown = false
    try {
      const opened = await this.#open(request, watch.signal, exchange)
      for await (const part of piecesOf(opened.stream)) {
        watch.heard()
        if (part.type === 'raw') pieces.push(part.rawValue as Json)
        if (part.type === 'error' && !isMissingEnd(part.error, exchange))
          return failed(classifyFailure(part.error, true), part.error)
        started ||= part.type !== 'stream-start'
        for (const delta of decoder.add(part)) {
          shown = true
          yield delta
        }
      }
    } catch (error) {
      if (signal.aborted) return failed(failureOf('aborted', 'the call was stopped'))
      if (watch.timedOut) return failed(failureOf('timeout', watch.timedOut))
      return failed(classifyFailure(error, started), error)
    } finally {
      watch.stop()
    }
    if (signal.aborted) return failed(failureOf('aborted', 'the call was stopped'))
    const { finished, reason, ...answer } = decoder.result
    if (!finished && !exchange.saidDone)
      return failed(failureOf('connection', 'the stream ended before the answer was complete'))
    if (answer.finish === 'unknown' && answer.content.length === 0 && answer.toolCalls.length === 0)
      return failed(failureOf('empty_response', `the answer was empty; the model stopped with ${reason}`))
    return { ok: true, ...answer, trace: { request: exchange.request, response: answered() } }
  }

  async preview(request: ModelRequest): Promise<JsonObject> {
    const exchange = this.#exchange(
      request,
      () => Promise.reject(new Error('nothing is sent')),
      () => undefined,
    )
    await this.#open(request, new AbortController().signal, exchange).catch(() => undefined)
    return exchange.request ?? {}
  }

  #exchange(request: ModelRequest, send: SendCall, onPiece: () => void): Exchange {
    return new Exchange((body) => this.#wire.amend?.(body, request) ?? body, send, onPiece)
  }

  async #open(
    request: ModelRequest,
    signal: AbortSignal,
    exchange: Exchange,
  ): Promise<LanguageModelV4StreamResult> {
    const model = await this.#wire.open(this.#settings, request.config.model, exchange.fetch)
    const dialect = this.#wire.dialect(request)
    const options = {
      prompt: encodePrompt(request, dialect),
      abortSignal: signal,
      includeRawChunks: this.#wire.hasOwnFraming ?? false,
      ...(request.tools.length > 0 && {
        tools: encodeTools(request, dialect),
        toolChoice: encodeChoice(request.toolChoice),
      }),
      ...this.#wire.options(request),
    }
    // Undefined members are the same as absent ones for the SDK.
    return model.doStream(options as LanguageModelV4CallOptions)
  }
}

/** What a provider answered that refused a call; our own words where it said nothing. */
function bodyOf(error: unknown, failure: ModelFailure): Json {
  const body = APICallError.isInstance(error) ? error.responseBody : undefined
  if (body === undefined || body === '') return { error: { kind: failure.kind, detail: failure.detail } }
  try {
    return JSON.parse(body) as Json
  } catch {
    return body
  }
}

/** Some servers say that a stream is over, but not why the model stopped. */
function isMissingEnd(error: unknown, exchange: Exchange): boolean {
  return exchange.saidDone && error instanceof Error && /without a finish reason/.test(error.message)
}

async function* piecesOf(
  stream: ReadableStream<LanguageModelV4StreamPart>,
): AsyncGenerator<LanguageModelV4StreamPart> {
  const reader = stream.getReader()
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
  } finally {
    await reader.cancel().catch(() => undefined)
  }
}

/** Aborts a call that stays silent for too long; says so, to tell it from the caller's own abort. */
class Watch {
  readonly #abort = new AbortController()
  readonly #patience: Patience
  readonly signal: AbortSignal
  timedOut: string | null = null
  #timer: NodeJS.Timeout
  #started = false

  constructor(outer: AbortSignal, patience: Patience) {
    this.#patience = patience
    this.signal = AbortSignal.any([outer, this.#abort.signal])
    this.#timer = setTimeout(() => this.#expire(patience.firstPieceMs, 'first'), patience.firstPieceMs)
  }

  heard(): void {
    if (this.#started) {
      this.#timer.refresh()
      return
    }
    this.#started = true
    clearTimeout(this.#timer)
    const { betweenPiecesMs } = this.#patience
    this.#timer = setTimeout(() => this.#expire(betweenPiecesMs, 'next'), betweenPiecesMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #expire(ms: number, which: string): void {
    this.timedOut = `the ${which} piece of the answer did not come within ${ms / 1_000} s`
    this.#abort.abort(new Error(this.timedOut))
  }
}
