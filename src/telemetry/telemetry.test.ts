import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openServerWorld, type ServerWorld } from '../../test/server-world.ts'
import { createOtelMetrics } from './otel-metrics.ts'
import { createSpans } from './spans.ts'
import { TraceIds } from './trace-ids.ts'

/** Goal: what a real turn looks like in a collector. Method: the observations of one, given to exporters in memory. */
let world: ServerWorld
let agentId: string
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const spans = new InMemorySpanExporter()
const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)

beforeAll(async () => {
  world = await openServerWorld()
  agentId = await world.createAgent({
    memory_blocks: [{ label: 'human', value: '' }],
    tools: ['memory_insert'],
  })
  const ids = new TraceIds()
  const tracer = new TracerProvider({
    idGenerator: ids,
    spanProcessors: [new SimpleSpanProcessor({ exporter: spans })],
  }).getTracer('test')
  const reader = new PeriodicExportingMetricReader({ exporter: metrics })
  const meters = new MeterProvider({ readers: [reader] })
  const readings = async () => [{ gauge: 'streams_open' as const, value: 3, labels: {} }]
  const observers = [createSpans(tracer, ids), createOtelMetrics(meters.getMeter('test'), readings)]
  world.listeners.push(...observers)

  const say = (content: string, headers = {}) =>
    world.ask('POST', `/v1/agents/${agentId}/messages`, { messages: [{ role: 'user', content }] }, headers)
  await say('[[call memory_insert {"label":"human","new_string":"my secret"}]] [[usage 700 30 100]]', {
    traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
    'x-api-request-log-id': 'request 7',
  })
  await say('[[error 400]] my other secret')
  await vi.waitUntil(() => named('invoke_agent').length === 2)
  await meters.forceFlush()
})
afterAll(() => world.close())

const named = (name: string) => spans.getFinishedSpans().filter((span) => span.name === name)
const parentOf = (span: ReadableSpan | undefined) =>
  spans.getFinishedSpans().find((other) => other.spanContext().spanId === span?.parentSpanContext?.spanId)
const durationOf = ({ duration: [seconds, nanos] }: ReadableSpan) => seconds * 1e9 + nanos

describe('spans', () => {
  it('are a tree: a run, its steps, their model calls and tool calls', () => {
    const [run] = named('invoke_agent')
    expect(run?.attributes).toMatchObject({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.id': agentId,
      stop_reason: 'end_turn',
    })
    const steps = named('agent_step').filter((span) => parentOf(span) === run)
    expect(steps).toHaveLength(2)
    const [first] = steps
    const chat = named('chat gpt-4o-mini').find((span) => parentOf(span) === first)
    expect(chat?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o-mini',
      'gen_ai.usage.input_tokens': 700,
      'gen_ai.usage.output_tokens': 30,
      'gen_ai.usage.cache_read.input_tokens': 100,
    })
    const [tool] = named('execute_tool memory_insert')
    expect(parentOf(tool)).toBe(first)
    expect(durationOf(chat as ReadableSpan)).toBeLessThanOrEqual(durationOf(first as ReadableSpan))
  })

  it('stand in the trace of the caller, whose steps are found by it', async () => {
    const caller = { traceId: TRACE, spanId: '00f067aa0ba902b7', isRemote: true }
    const [run] = named('invoke_agent')
    const request = named('POST /v1/agents/:agent_id/messages')[0]
    for (const span of [run, request]) expect(span?.parentSpanContext).toMatchObject(caller)
    const { body } = await world.ask('GET', `/v1/steps/?trace_ids=${TRACE}`)
    expect(body.map((step: { request_id: string }) => step.request_id)).toEqual(['request 7', 'request 7'])
    expect((await world.ask('GET', `/v1/steps/?trace_ids=${'0'.repeat(32)}`)).body).toEqual([])
  })

  it('of what failed say so', () => {
    const failed = named('invoke_agent').find((span) => span.attributes.stop_reason === 'llm_api_error')
    expect(failed?.status.code).toBe(2)
    expect(failed?.events.map(({ name }) => name)).toContain('model_failed')
    expect(named('agent_step').find((span) => parentOf(span) === failed)?.status.code).toBe(2)
  })

  it('of requests have the route and the status', () => {
    const request = named('POST /v1/agents/:agent_id/messages')[0]
    expect(request?.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.response.status_code': 200,
    })
  })

  it('hold nothing of what was said', () => {
    const text = JSON.stringify(
      spans.getFinishedSpans().map(({ name, attributes, events }) => [name, attributes, events]),
    )
    expect(text).not.toContain('secret')
  })
})

describe('metrics', () => {
  const byName = () =>
    new Map(
      metrics
        .getMetrics()
        .flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
        .map((metric) => [metric.descriptor.name, metric]),
    )
  const first = (name: string) => byName().get(name)?.dataPoints[0]

  it('have the old names, in their units', () => {
    const step = first('hist_step_execution_time_ms')?.value as { count: number; sum: number }
    expect(step.count).toBe(3)
    expect(step.sum).toBeGreaterThan(1)
    expect(first('count_user_message')?.value).toBe(2)
    expect(first('count_tool_execution')?.attributes).toMatchObject({ tool: 'memory_insert' })
    expect(first('sse_active_sessions')?.value).toBe(3)
  })

  it('have the names of the conventions', () => {
    expect(first('gen_ai.client.operation.duration')?.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'gpt-4o-mini',
    })
    expect(first('gen_ai.client.token.usage')?.attributes).toMatchObject({ 'gen_ai.token.type': 'input' })
  })
})
