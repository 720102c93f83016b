import { randomBytes } from 'node:crypto'
import { type Context, ROOT_CONTEXT, TraceFlags, trace } from '@opentelemetry/api'
import type { IdGenerator } from '@opentelemetry/sdk-trace'
import type { TracePlace } from '../worker/observation.ts'

/** Ids of traces and spans: random ones, but of a trace that has its id before its first span. */
export class TraceIds implements IdGenerator {
  #next: string | null = null

  generateTraceId(): string {
    const id = this.#next ?? randomBytes(16).toString('hex')
    this.#next = null
    return id
  }

  generateSpanId(): string {
    return randomBytes(8).toString('hex')
  }

  /** The context for a span that stands there, which must be started next. */
  contextOf({ traceId, parentSpanId }: TracePlace): Context {
    if (traceId !== null && parentSpanId !== null) {
      const parent = { traceId, spanId: parentSpanId, traceFlags: TraceFlags.SAMPLED, isRemote: true }
      return trace.setSpanContext(ROOT_CONTEXT, parent)
    }
    this.#next = traceId
    return ROOT_CONTEXT
  }
}
