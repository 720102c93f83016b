import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import type { MessageType } from '../../domain/frame.ts'
import { isId, type MessageId, type RunId, type StepId } from '../../domain/id.ts'
import type { Run } from '../../domain/run.ts'
import { filterViews, viewsOf } from '../../domain/view.ts'
import { getAgentType } from '../../store/agents.ts'
import { readMessagePage } from '../../store/message-lists.ts'
import { deleteRun, getRunMetrics } from '../../store/run-lists.ts'
import { getRun } from '../../store/runs.ts'
import { readSteps } from '../../store/step-lists.ts'
import { readUsage } from '../../store/steps.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { ShownObject } from '../schemas/basics.ts'
import { queryBool, queryEnum, queryInt, queryText } from '../schemas/query.ts'
import { viewOptionsFor } from '../view-options.ts'
import { toWireMessage } from '../wire/message.ts'
import { toWireRun } from '../wire/run.ts'
import { toWireRunMetrics, toWireStep } from '../wire/step.ts'

export const runParams = z.object({ run_id: z.string() })

export function runRoutes(deps: HttpDeps): Endpoint[] {
  return [retrieve(deps), remove(deps), messages(deps), usage(deps), metrics(deps), steps(deps), trace()]
}

/** An id in a path of these routes is checked late: another form is a 400 there. */
export function runId(text: string): RunId {
  if (isId('run', text)) return text
  throw new Fault('invalid_argument', `Invalid run ID format: ${text}. Expected format: 'run-<uuid4>'`)
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}',
      operationId: 'retrieveRun',
      summary: 'A run',
      params: runParams,
      answer: ShownObject,
    },
    async ({ params: asked, actor, c }) =>
      c.json(toWireRun(await getRun(deps.db, actor.organizationId, runId(asked.run_id)))),
  )
}

function remove(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'delete',
      path: '/runs/{run_id}',
      operationId: 'deleteRun',
      summary: 'Delete a run that has ended; its messages stay',
      params: runParams,
      query: z.object({ force: queryBool() }),
      answer: z.null(),
    },
    async ({ params: asked, query, actor, c }) => {
      const id = runId(asked.run_id)
      if (query.force) {
        await deps.engine.worker.end(actor.organizationId, id, { stopReason: 'cancelled', error: null })
      }
      await deleteRun(deps.db, actor.organizationId, id)
      return c.json(null)
    },
  )
}

function messages(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}/messages',
      operationId: 'listMessagesForRun',
      summary: 'The messages that a run has stored',
      params: runParams,
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
      const run = await getRun(deps.db, actor.organizationId, runId(asked.run_id))
      const order = query.order ?? 'asc'
      // By number, as the page is read; the old server took them so whatever the order.
      const byNumber = order === 'asc' || deps.engine.legacyRunCursors
      const [before, after] = byNumber ? [query.before, query.after] : [query.after, query.before]
      const stored = await readMessagePage(
        deps.db,
        actor.organizationId,
        { runId: run.id },
        {
          before: (before ?? null) as MessageId | null,
          after: (after ?? null) as MessageId | null,
          limit: query.limit ?? 100,
          order,
          includeErrors: true,
        },
      )
      const agentType = await getAgentType(deps.db, actor.organizationId, run.agentId)
      const views = filterViews(viewsOf(stored, viewOptionsFor(agentType, foldOf(run))), returnTypesOf(run))
      return c.json(views.map((view) => toWireMessage(view, null)))
    },
  )
}

/** What the request said of an agent's speech through a tool; other agents have none. */
function foldOf({ requestConfig }: Run) {
  if (requestConfig?.use_assistant_message === false) return null
  return {
    foldTool: String(requestConfig?.assistant_message_tool_name ?? 'send_message'),
    foldArgument: String(requestConfig?.assistant_message_tool_kwarg ?? 'message'),
  }
}

function returnTypesOf(run: Run): MessageType[] | null {
  const types = run.requestConfig?.include_return_message_types
  // It was checked when the run was admitted.
  return Array.isArray(types) ? (types as MessageType[]) : null
}

function usage(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}/usage',
      operationId: 'retrieveRunUsage',
      summary: 'Tokens that a run has used, over all its steps',
      params: runParams,
      answer: ShownObject,
    },
    async ({ params: asked, actor, c }) => {
      const run = await getRun(deps.db, actor.organizationId, runId(asked.run_id))
      const sum = await readUsage(deps.db, actor.organizationId, run.id)
      return c.json({
        completion_tokens: sum.completion,
        prompt_tokens: sum.prompt,
        total_tokens: sum.total,
        prompt_tokens_details: {
          cached_tokens: sum.cachedInput ?? 0,
          cache_read_tokens: sum.cachedInput ?? 0,
          cache_creation_tokens: sum.cacheWrite ?? 0,
        },
        completion_tokens_details: { reasoning_tokens: sum.reasoning ?? 0 },
        step_count: sum.stepCount,
        cached_input_tokens: sum.cachedInput || null,
        cache_write_tokens: sum.cacheWrite || null,
        reasoning_tokens: sum.reasoning || null,
      })
    },
  )
}

function metrics(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}/metrics',
      operationId: 'retrieveMetricsForRun',
      summary: 'Time, steps and tools of a run',
      params: runParams,
      answer: ShownObject,
    },
    async ({ params: asked, actor, c }) =>
      c.json(toWireRunMetrics(await getRunMetrics(deps.db, actor.organizationId, runId(asked.run_id)))),
  )
}

function steps(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}/steps',
      operationId: 'listStepsForRun',
      summary: 'The steps of a run',
      params: runParams,
      query: z.object({
        before: queryText(),
        after: queryText(),
        limit: queryInt({ min: 1, max: 1000 }),
        order: queryEnum(['asc', 'desc']),
        order_by: queryEnum(['created_at']),
      }),
      answer: z.array(ShownObject),
    },
    async ({ params: asked, query, actor, c }) => {
      const run = await getRun(deps.db, actor.organizationId, runId(asked.run_id))
      const page = {
        order: query.order ?? ('desc' as const),
        before: (query.before ?? null) as StepId | null,
        after: (query.after ?? null) as StepId | null,
        limit: query.limit ?? 100,
      }
      return c.json((await readSteps(deps.db, actor.organizationId, { runId: run.id }, page)).map(toWireStep))
    },
  )
}

function trace(): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}/trace',
      operationId: 'retrieveTraceForRun',
      summary: 'Spans of a run; they go to the configured collector and are not kept here',
      params: runParams,
      query: z.object({ limit: queryInt({ min: 1, max: 5000 }) }),
      answer: z.array(ShownObject),
    },
    async () => {
      throw new Fault(
        'not_implemented',
        'Traces are not stored on this server: they are sent to the OpenTelemetry collector.',
      )
    },
  )
}
