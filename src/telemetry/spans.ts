import {
  type Attributes,
  type Context,
  type HrTime,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { RunId } from '../domain/id.ts'
import { STOP_REASONS } from '../domain/stop-reason.ts'
import { wallNs } from '../lib/clock.ts'
import type { Observation, Observe } from '../worker/observation.ts'
import type { TraceIds } from './trace-ids.ts'

/** A run that this process drives, as far as it has got. */
type OpenRun = { span: Span; context: Context; tools: (Of<'tool_ended'> & { endNs: number })[] }
type Of<Type extends Observation['type']> = Extract<Observation, { type: Type }>

/**
 * Runs, steps, model calls, tool calls and requests as spans, by the conventions for generative AI and under the names
 * of the old server. What people and agents say is in none of them.
 */
export function createSpans(tracer: Tracer, ids: TraceIds): Observe {
  const runs = new Map<RunId, OpenRun>()

  return (observation) => {
    switch (observation.type) {
      case 'run_driven':
        runs.set(observation.runId, openRun(tracer, ids, observation))
        return
      case 'step_ended':
        return showStep(tracer, runs.get(observation.runId), observation)
      case 'tool_ended':
        runs.get(observation.runId)?.tools.push({ ...observation, endNs: wallNs() })
        return
      case 'model_answered_first':
        runs.get(observation.runId)?.span.addEvent('time_to_first_token_ms', { value: observation.ms })
        return
      case 'model_failed': {
        const { stepId, model, failure, retried } = observation
        const facts = { step_id: stepId, 'gen_ai.request.model': model, 'error.type': failure, retried }
        runs.get(observation.runId)?.span.addEvent('model_failed', facts)
        return
      }
      case 'compacted': {
        const { trigger, before, after } = observation
        runs.get(observation.runId)?.span.addEvent('compacted', { trigger, before, after })
        return
      }
      case 'run_crashed':
        runs.get(observation.runId)?.span.recordException(asError(observation.error))
        return
      case 'run_ended':
      case 'run_lost':
        closeRun(tracer, runs.get(observation.runId), observation)
        runs.delete(observation.runId)
        return
      case 'request_ended':
        return showRequest(tracer, ids, observation)
    }
  }
}

function openRun(
  tracer: Tracer,
  ids: TraceIds,
  { runId, agentId, conversationId, attempts, trace: place }: Of<'run_driven'>,
): OpenRun {
  const span = tracer.startSpan(
    'invoke_agent',
    {
      kind: SpanKind.INTERNAL,
      attributes: {
        'gen_ai.operation.name': 'invoke_agent',
        'gen_ai.agent.id': agentId,
        'gen_ai.conversation.id': conversationId,
        'agent.id': agentId,
        run_id: runId,
        attempts,
      },
    },
    ids.contextOf(place),
  )
  return { span, context: trace.setSpan(ROOT_CONTEXT, span), tools: [] }
}

function closeRun(tracer: Tracer, run: OpenRun | undefined, ended: Of<'run_ended'> | Of<'run_lost'>): void {
  if (!run) return
  // Calls of an approved request belong to no step of this run.
  for (const tool of run.tools) showTool(tracer, run.context, tool)
  if (ended.type === 'run_lost') run.span.setAttribute('lost', true)
  else {
    run.span.setAttribute('stop_reason', ended.stopReason)
    if (STOP_REASONS[ended.stopReason] === 'failed') run.span.setStatus({ code: SpanStatusCode.ERROR })
  }
  run.span.end()
}

function showStep(tracer: Tracer, run: OpenRun | undefined, step: Of<'step_ended'>): void {
  if (!run) return
  const startNs = step.status === 'failed' ? (step.llmStartNs ?? step.startNs) : step.startNs
  const startTime = toTime(startNs)
  const span = tracer.startSpan(
    'agent_step',
    { startTime, attributes: { step_id: step.stepId } },
    run.context,
  )
  const context = trace.setSpan(run.context, span)
  if (step.llmMs !== null) {
    span.addEvent('llm_request_ms', { value: step.llmMs })
    showModelCall(tracer, context, step, step.llmStartNs ?? startNs, step.llmMs)
  }
  for (const tool of run.tools.splice(0)) showTool(tracer, context, tool)
  if (step.status === 'failed') span.setStatus({ code: SpanStatusCode.ERROR })
  span.addEvent('step_ms', { value: step.ms })
  span.end(toTime(startNs + step.ms * 1e6))
}

function showModelCall(
  tracer: Tracer,
  parent: Context,
  { provider, model, usage, status }: Of<'step_ended'>,
  startNs: number,
  ms: number,
): void {
  const attributes: Attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': provider,
    'gen_ai.request.model': model,
    'gen_ai.usage.input_tokens': usage.prompt,
    'gen_ai.usage.output_tokens': usage.completion,
    ...(usage.cachedInput !== undefined && { 'gen_ai.usage.cache_read.input_tokens': usage.cachedInput }),
  }
  const options = { kind: SpanKind.CLIENT, startTime: toTime(startNs), attributes }
  const span = tracer.startSpan(`chat ${model}`, options, parent)
  if (status === 'failed') span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(toTime(startNs + ms * 1e6))
}

function showTool(tracer: Tracer, parent: Context, tool: OpenRun['tools'][number]): void {
  const attributes = {
    'gen_ai.operation.name': 'execute_tool',
    'gen_ai.tool.name': tool.tool,
    'gen_ai.tool.call.id': tool.callId,
    tool_name: tool.tool,
    step_id: tool.stepId,
  }
  const startTime = toTime(tool.endNs - tool.ms * 1e6)
  const span = tracer.startSpan(`execute_tool ${tool.tool}`, { startTime, attributes }, parent)
  if (tool.failed) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(toTime(tool.endNs))
}

/** A request's body is in no span. */
function showRequest(
  tracer: Tracer,
  ids: TraceIds,
  { method, route, status, ms, trace: place }: Of<'request_ended'>,
): void {
  const endNs = wallNs()
  const span = tracer.startSpan(
    `${method} ${route}`,
    {
      kind: SpanKind.SERVER,
      startTime: toTime(endNs - ms * 1e6),
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'http.response.status_code': status,
      },
    },
    ids.contextOf(place),
  )
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(toTime(endNs))
}

function toTime(ns: number): HrTime {
  return [Math.floor(ns / 1e9), Math.round(ns % 1e9)]
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
