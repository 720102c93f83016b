import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import type { AgentId, ConversationId, RunId } from '../../domain/id.ts'
import { RUN_STATUSES, type RunStatus } from '../../domain/run.ts'
import { STOP_REASONS, type StopReason } from '../../domain/stop-reason.ts'
import { type RunFilter, type RunPage, readRuns } from '../../store/run-lists.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { ShownObject } from '../schemas/basics.ts'
import { parseMoment } from '../schemas/moment.ts'
import { queryBool, queryEnum, queryInt, queryText, queryTexts } from '../schemas/query.ts'
import { toWireRun } from '../wire/run.ts'

const reasons = Object.keys(STOP_REASONS) as [StopReason, ...StopReason[]]

export function runListRoutes(deps: HttpDeps): Endpoint[] {
  return [list(deps), listActive(deps), listInternal(deps)]
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
