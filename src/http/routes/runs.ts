import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import type { MessageType } from '../../domain/frame.ts'
import {
  type AgentId,
  type ConversationId,
  isId,
  type MessageId,
  type RunId,
  type StepId,
} from '../../domain/id.ts'
import { isTerminal, RUN_STATUSES, type Run, type RunStatus } from '../../domain/run.ts'
import { STOP_REASONS, type StopReason } from '../../domain/stop-reason.ts'
import { filterViews, viewsOf } from '../../domain/view.ts'
import { getAgentType } from '../../store/agents.ts'
import { readMessagePage } from '../../store/message-lists.ts'
import { deleteRun, getRunMetrics, type RunFilter, type RunPage, readRuns } from '../../store/run-lists.ts'
import { getRun } from '../../store/runs.ts'
import { readSteps } from '../../store/step-lists.ts'
import { readUsage } from '../../store/steps.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { ShownObject } from '../schemas/basics.ts'
import { parseMoment } from '../schemas/moment.ts'
import { queryBool, queryEnum, queryInt, queryText, queryTexts } from '../schemas/query.ts'
import { type StreamOptions, streamRun } from '../stream-run.ts'
import { viewOptionsFor } from '../view-options.ts'
import { toWireMessage } from '../wire/message.ts'
import { toWireRun } from '../wire/run.ts'
import { toWireRunMetrics, toWireStep } from '../wire/step.ts'

const params = z.object({ run_id: z.string() })
const reasons = Object.keys(STOP_REASONS) as [StopReason, ...StopReason[]]

export function runRoutes(deps: HttpDeps): Endpoint[] {
  return [
    list(deps),
    listActive(deps),
    retrieve(deps),
    remove(deps),
    messages(deps),
    usage(deps),
    metrics(deps),
    steps(deps),
    trace(),
    resume(deps),
    follow(deps),
    listInternal(deps),
  ]
}

/** An id in a path of these routes is checked late: another form is a 400 there. */
function runId(text: string): RunId {
  if (isId('run', text)) return text
  throw new Fault('invalid_argument', `Invalid run ID format: ${text}. Expected format: 'run-<uuid4>'`)
}

const listQuery = z.object({
  agent_id: queryText(),
  agent_ids: queryTexts(),
  statuses: queryTexts(),
  background: queryBool(),
  stop_reason: queryEnum(reasons),
  conversation_id: queryText(),
  before: queryText(),
  after: queryText(),
  limit: queryInt({ min: 1, max: 1000 }),
  order: queryEnum(['asc', 'desc']),
  order_by: queryEnum(['created_at']),
  active: queryBool(),
  ascending: queryBool(),
})
type ListQuery = z.output<typeof listQuery>

function list(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs',
      operationId: 'listRuns',
      summary: 'List runs',
      query: listQuery,
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const page = pageOf(deps, { ...query, order_by: 'created_at' })
      const runs = await readRuns(deps.db, actor.organizationId, filterOf(query), page)
      return c.json(runs.map(toWireRun))
    },
  )
}

function listActive(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/active',
      operationId: 'listActiveRuns',
      summary: 'List runs that have not ended',
      isDeprecated: true,
      query: z.object({ agent_id: queryText(), background: queryBool() }),
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const filter = filterOf({ ...query, active: true })
      const page: RunPage = { orderBy: 'created_at', order: 'desc', after: null, before: null, limit: 100 }
      return c.json((await readRuns(deps.db, actor.organizationId, filter, page)).map(toWireRun))
    },
  )
}

function filterOf(query: Omit<Partial<ListQuery>, 'order_by'>): RunFilter {
  const agentIds = query.agent_id !== undefined ? [query.agent_id] : (query.agent_ids ?? null)
  const statuses = query.statuses
    ? query.statuses.map(statusOf)
    : query.active
      ? (['created', 'running'] as const)
      : null
  return {
    // An id of another form is the id of nothing.
    agentIds: agentIds as AgentId[] | null,
    statuses: statuses && [...statuses],
    background: query.background ?? null,
    stopReason: query.stop_reason ?? null,
    conversationId: (query.conversation_id ?? null) as ConversationId | null,
  }
}

function statusOf(text: string): RunStatus {
  const status = RUN_STATUSES.find((known) => known === text)
  if (!status) throw new Fault('bad_request', `'${text}' is not a valid RunStatus`)
  return status
}

type Paging = Pick<ListQuery, 'before' | 'after' | 'limit' | 'order' | 'ascending'> & {
  order_by?: 'created_at' | 'duration' | undefined
}

function pageOf(deps: HttpDeps, query: Paging): RunPage {
  const order = query.ascending ? 'asc' : (query.order ?? 'desc')
  const [after, before] = deps.engine.legacyRunCursors
    ? [query.before, query.after]
    : [query.after, query.before]
  return {
    orderBy: query.order_by ?? 'created_at',
    order,
    after: (after ?? null) as RunId | null,
    before: (before ?? null) as RunId | null,
    limit: query.limit ?? 100,
    ignoresUnknown: deps.engine.legacyRunCursors,
  }
}

const internalQuery = listQuery.extend({
  run_id: queryText(),
  project_id: queryText(),
  template_family: queryText(),
  step_count: queryInt({ min: 0 }),
  step_count_operator: queryEnum(['eq', 'gte', 'lte']),
  tools_used: queryTexts(),
  start_date: queryText(),
  end_date: queryText(),
  duration_value: z.preprocess(
    (value) => (typeof value === 'string' ? Number(value) : value),
    z.number().int().min(0).optional(),
  ),
  duration_operator: queryEnum(['gt', 'lt', 'eq']),
  duration_percentile: queryInt({ min: 1, max: 100 }),
  order_by: queryEnum(['created_at', 'duration']),
})

function listInternal(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/_internal_runs',
      operationId: 'listInternalRuns',
      summary: 'List runs by what they took and used',
      query: internalQuery,
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const filter: RunFilter = {
        ...filterOf(query),
        runId: (query.run_id ?? null) as RunId | null,
        projectId: query.project_id ?? null,
        baseTemplateId: query.template_family ?? null,
        stepCount:
          query.step_count === undefined
            ? null
            : { value: query.step_count, operator: query.step_count_operator ?? 'eq' },
        toolsUsed: query.tools_used ?? null,
        from: dateOf('start_date', query.start_date),
        to: dateOf('end_date', query.end_date),
        duration:
          query.duration_value === undefined || query.duration_operator === undefined
            ? null
            : { value: query.duration_value, operator: query.duration_operator },
        durationPercentile: query.duration_percentile ?? null,
      }
      const runs = await readRuns(deps.db, actor.organizationId, filter, pageOf(deps, query))
      return c.json(runs.map(toWireRun))
    },
  )
}

/** Faults: invalid_argument. */
export function dateOf(name: string, text: string | undefined): string | null {
  if (text === undefined || text === '') return null
  const moment = parseMoment(text)
  if (moment !== undefined) return moment
  throw new Fault('invalid_argument', `${name} is not an ISO 8601 date: ${text}`)
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}',
      operationId: 'retrieveRun',
      summary: 'A run',
      params,
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
      params,
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
      params,
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
      params,
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
      params,
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
      params,
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

const resumeBody = z
  .object({
    starting_after: z.int().min(0).nullish(),
    include_pings: z.boolean().nullish(),
    poll_interval: z.number().nullish(),
    batch_size: z.number().nullish(),
  })
  .nullish()

function resume(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/runs/{run_id}/stream',
      operationId: 'retrieveStream',
      summary: 'Follow a background run from any event on',
      params,
      body: resumeBody,
      answer: z.string(),
      answerType: 'text/event-stream',
    },
    async ({ params: asked, body, actor }) => {
      const run = await getRun(deps.db, actor.organizationId, runId(asked.run_id))
      if (!run.background) {
        throw new Fault(
          'invalid_argument',
          'Run was not created in background mode, so it cannot be retrieved.',
        )
      }
      const afterSeq = body?.starting_after ?? 0
      return followFrom(deps, run, { afterSeq, includePings: body?.include_pings ?? true })
    },
  )
}

function follow(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}/stream',
      operationId: 'followRun',
      summary: 'Follow any run from any event on (`Last-Event-ID` or `starting_after`)',
      params,
      query: z.object({ starting_after: queryInt({ min: 0 }), include_pings: queryBool() }),
      answer: z.string(),
      answerType: 'text/event-stream',
    },
    async ({ params: asked, query, actor, c }) => {
      const run = await getRun(deps.db, actor.organizationId, runId(asked.run_id))
      const last = Number(c.req.header('last-event-id') ?? query.starting_after ?? 0)
      return followFrom(deps, run, {
        afterSeq: Number.isInteger(last) && last > 0 ? last : 0,
        includePings: query.include_pings ?? true,
        withIds: true,
      })
    },
  )
}

/** Faults: expired when the run's events are gone. */
export function followFrom(deps: HttpDeps, run: Run, options: Omit<StreamOptions, 'pingMs'>): Response {
  if (isTerminal(run.status) && run.eventsPurgedAt !== null) {
    throw new Fault('expired', `The events of ${run.id} are no longer kept`)
  }
  return streamRun(deps.engine.deps, run.organizationId, run.id, { ...options, pingMs: deps.engine.pingMs })
}
