import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import type { AgentId, MessageId, StepId } from '../../domain/id.ts'
import { viewsOf } from '../../domain/view.ts'
import { readExecutions } from '../../store/ledger.ts'
import { readMessagePage } from '../../store/message-lists.ts'
import {
  getStep,
  getStepMetrics,
  readSteps,
  readTraces,
  saveFeedback,
  saveTransaction,
  type TraceRow,
} from '../../store/step-lists.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { id, ShownObject } from '../schemas/basics.ts'
import { queryBool, queryEnum, queryInt, queryText, queryTexts } from '../schemas/query.ts'
import { viewOptionsFor } from '../view-options.ts'
import { toWireMessage } from '../wire/message.ts'
import { toWireStep, toWireStepMetrics, toWireTrace } from '../wire/step.ts'
import { dateOf } from './run-lists.ts'

const params = z.object({ step_id: id('step') })

export function stepRoutes(deps: HttpDeps): Endpoint[] {
  return [
    list(deps),
    retrieve(deps),
    metrics(deps),
    trace(deps),
    oldTrace(deps),
    feedback(deps),
    messages(deps),
    transaction(deps),
    executions(deps),
  ]
}

function list(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/steps',
      operationId: 'listSteps',
      summary: 'List steps',
      query: z.object({
        before: queryText(),
        after: queryText(),
        limit: queryInt({ min: 1, max: 1000 }),
        order: queryEnum(['asc', 'desc']),
        order_by: queryEnum(['created_at']),
        start_date: queryText(),
        end_date: queryText(),
        model: queryText(),
        agent_id: queryText(),
        trace_ids: queryTexts(),
        feedback: queryEnum(['positive', 'negative']),
        has_feedback: queryBool(),
        tags: queryTexts(),
        project_id: queryText(),
      }),
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const from = dateOf('start_date', query.start_date)
      const to = dateOf('end_date', query.end_date)
      if (from && to && from > to) {
        throw new Fault('invalid_argument', 'start_date must be before end_date')
      }
      const steps = await readSteps(
        deps.db,
        actor.organizationId,
        {
          agentId: (query.agent_id ?? null) as AgentId | null,
          model: query.model ?? null,
          traceIds: query.trace_ids ?? null,
          feedback: query.feedback ?? null,
          hasFeedback: query.has_feedback ?? null,
          tags: query.tags ?? null,
          projectId: query.project_id ?? null,
          from,
          to,
        },
        {
          order: query.order ?? 'desc',
          before: (query.before ?? null) as StepId | null,
          after: (query.after ?? null) as StepId | null,
          limit: query.limit ?? 50,
        },
      )
      return c.json(steps.map(toWireStep))
    },
  )
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/steps/{step_id}',
      operationId: 'retrieveStep',
      summary: 'A step',
      params,
      answer: ShownObject,
    },
    async ({ params: asked, actor, c }) =>
      c.json(toWireStep(await getStep(deps.db, actor.organizationId, asked.step_id))),
  )
}

function metrics(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/steps/{step_id}/metrics',
      operationId: 'retrieveMetricsForStep',
      summary: 'Times of a step, in nanoseconds',
      params,
      answer: ShownObject,
    },
    async ({ params: asked, actor, c }) =>
      c.json(toWireStepMetrics(await getStepMetrics(deps.db, actor.organizationId, asked.step_id))),
  )
}

function trace(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/steps/{step_id}/trace',
      operationId: 'retrieveTraceForStep',
      summary: 'What went to the provider and came back; the newest, or all',
      params,
      query: z.object({ all: queryBool() }),
      answer: ShownObject,
    },
    async ({ params: asked, query, actor, c }) => {
      const traces = await readTraces(deps.db, actor.organizationId, asked.step_id)
      if (query.all) return c.json(traces.map(toWireTrace))
      return c.json(newestOfStep(traces))
    },
  )
}

/** The step's own call, not one for a summary that was made on the way. */
function newestOfStep(traces: TraceRow[]) {
  const trace = traces.find(({ call_type: type }) => type === 'agent_step')
  return trace ? toWireTrace(trace) : null
}

function oldTrace(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/telemetry/{step_id}',
      operationId: 'retrieveProviderTrace',
      summary: 'The old name of a step’s trace',
      isDeprecated: true,
      params,
      answer: ShownObject,
    },
    async ({ params: asked, actor, c }) => {
      return c.json(newestOfStep(await readTraces(deps.db, actor.organizationId, asked.step_id)))
    },
  )
}

function feedback(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'patch',
      path: '/steps/{step_id}/feedback',
      operationId: 'modifyFeedbackForStep',
      summary: 'Say whether a step was good; no feedback clears it',
      params,
      body: z.object({
        feedback: z.enum(['positive', 'negative']).nullish(),
        tags: z.array(z.string()).nullish(),
      }),
      answer: ShownObject,
    },
    async ({ params: asked, body, actor, c }) => {
      await getStep(deps.db, actor.organizationId, asked.step_id)
      const given = { feedback: body.feedback ?? null, tags: body.tags ?? null }
      return c.json(toWireStep(await saveFeedback(deps.db, actor.organizationId, asked.step_id, given)))
    },
  )
}

function messages(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/steps/{step_id}/messages',
      operationId: 'listMessagesForStep',
      summary: 'The messages that a step has stored',
      params,
      query: z.object({
        before: queryText(),
        after: queryText(),
        limit: queryInt({ min: 0 }),
        order: queryEnum(['asc', 'desc']),
        order_by: queryEnum(['created_at']),
      }),
      answer: z.array(ShownObject),
    },
    async ({ params: asked, query, actor, c }) => {
      const stored = await readMessagePage(
        deps.db,
        actor.organizationId,
        { stepId: asked.step_id },
        {
          before: (query.before ?? null) as MessageId | null,
          after: (query.after ?? null) as MessageId | null,
          limit: query.limit ?? 100,
          order: query.order ?? 'asc',
          includeErrors: false,
        },
      )
      const views = viewsOf(stored, viewOptionsFor('letta_v1_agent', null))
      return c.json(views.map((view) => toWireMessage(view, null)))
    },
  )
}

function transaction(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'patch',
      path: '/steps/{step_id}/transaction/{transaction_id}',
      operationId: 'updateStepTransactionId',
      summary: 'Note which transaction a step was charged by',
      params: z.object({ step_id: id('step'), transaction_id: z.string() }),
      answer: ShownObject,
    },
    async ({ params: asked, actor, c }) => {
      await getStep(deps.db, actor.organizationId, asked.step_id)
      const step = await saveTransaction(deps.db, actor.organizationId, asked.step_id, asked.transaction_id)
      return c.json(toWireStep(step))
    },
  )
}

function executions(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/perdure/steps/{step_id}/tool-executions',
      operationId: 'listToolExecutions',
      summary: 'The ledger of a step: which tool calls started, which ended, and which nobody knows of',
      params,
      answer: z.array(ShownObject),
    },
    async ({ params: asked, actor, c }) => {
      await getStep(deps.db, actor.organizationId, asked.step_id)
      const found = await readExecutions(deps.db, actor.organizationId, asked.step_id)
      return c.json(
        found.map((execution) => ({
          step_id: execution.stepId,
          tool_call_id: execution.callId,
          name: execution.name,
          state: execution.state,
          execution_id: execution.executionId,
          status: execution.result?.status ?? null,
        })),
      )
    },
  )
}
