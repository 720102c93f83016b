import type {
  LanguageModelV4CallOptions,
  LanguageModelV4StreamPart,
  LanguageModelV4StreamResult,
} from '@ai-sdk/provider'
import type { ModelFailure } from '../domain/failure.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type { Model, ModelDelta, ModelReply, ModelRequest, ModelTrace } from '../domain/model.ts'
import { classifyFailure, failureOf } from './classify-failure.ts'
import { type Decoded, StreamDecoder } from './decode-stream.ts'
import { encodeChoice, encodePrompt, encodeTools } from './encode-prompt.ts'
import type { ProviderSettings } from './settings.ts'
import type { Fetch, Wire } from './wires.ts'

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
    let started = false
    let shown = false
    let traced: Json = null
    try {
      const opened = await this.#open(request, watch.signal, globalThis.fetch)
      traced = bodyOf(opened)
      for await (const part of piecesOf(opened.stream)) {
        watch.heard()
        if (part.type === 'error') return failed(classifyFailure(part.error, true), traced, shown)
        started ||= part.type !== 'stream-start'
        for (const delta of decoder.add(part)) {
          shown = true
          yield delta
        }
      }
    } catch (error) {
      if (signal.aborted) return failed(failureOf('aborted', 'the call was stopped'), traced, shown)
      if (watch.timedOut) return failed(failureOf('timeout', watch.timedOut), traced, shown)
      return failed(classifyFailure(error, started), traced, shown)
    } finally {
      watch.stop()
    }
    if (signal.aborted) return failed(failureOf('aborted', 'the call was stopped'), traced, shown)
    return replyOf(decoder.result, traced, shown)
  }

  async preview(request: ModelRequest): Promise<JsonObject> {
    let captured: JsonObject = {}
    const capture: Fetch = async (_, init) => {
      captured = JSON.parse(String(init?.body)) as JsonObject
      throw new Error('captured')
    }
    await this.#open(request, new AbortController().signal, capture).catch(() => undefined)
    return captured
  }

  async #open(
    request: ModelRequest,
    signal: AbortSignal,
    fetch: Fetch,
  ): Promise<LanguageModelV4StreamResult> {
    const model = await this.#wire.open(this.#settings, request.config.model, fetch)
    const dialect = this.#wire.dialect(request)
    const options = {
      prompt: encodePrompt(request, dialect),
      abortSignal: signal,
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

function failed(failure: ModelFailure, request: Json, shown: boolean): ModelReply {
  const trace: ModelTrace = { request, response: { error: { kind: failure.kind, detail: failure.detail } } }
  return { ok: false, failure: { ...failure, shown }, trace }
}

/** A stream that just ends is a broken one, unless it had said that it was complete. */
function replyOf(decoded: Decoded, request: Json, shown: boolean): ModelReply {
  if (!decoded.finished || (decoded.finish === 'unknown' && isEmpty(decoded))) {
    const failure = failureOf('connection', 'the stream ended before the answer was complete')
    return failed(failure, request, shown)
  }
  const { content, toolCalls, usage, finish } = decoded
  const response = { content, tool_calls: toolCalls, usage, finish } as unknown as Json
  return { ok: true, content, toolCalls, usage, finish, trace: { request, response } }
}

function isEmpty({ content, toolCalls }: Decoded): boolean {
  return content.length === 0 && toolCalls.length === 0
}

function bodyOf(opened: LanguageModelV4StreamResult): Json {
  const body = opened.request?.body
  if (typeof body !== 'string') return (body ?? null) as Json
  try {
    return JSON.parse(body) as Json
  } catch {
    return body
  }
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

  constructor(outer: AbortSignal, patience: Patience) {
    this.#patience = patience
    this.signal = AbortSignal.any([outer, this.#abort.signal])
    this.#timer = setTimeout(() => this.#expire(patience.firstPieceMs, 'first'), patience.firstPieceMs)
  }

  heard(): void {
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
