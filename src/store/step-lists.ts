import { type Selectable, sql } from 'kysely'
import { Fault } from '../domain/fault.ts'
import type { AgentId, OrganizationId, RunId, StepId, UserId } from '../domain/id.ts'
import type { Db, ProviderTracesTable, StepMetricsTable, StepsTable } from './schema.ts'

export type StepRow = Omit<Selectable<StepsTable>, 'reply'>

const COLUMNS = [
  'id',
  'organization_id',
  'run_id',
  'agent_id',
  'conversation_id',
  'index',
  'status',
  'phase',
  'attempt',
  'provider_name',
  'provider_category',
  'model',
  'model_handle',
  'model_endpoint',
  'context_window_limit',
  'prompt_tokens',
  'completion_tokens',
  'total_tokens',
  'cached_input_tokens',
  'cache_write_tokens',
  'reasoning_tokens',
  'prompt_tokens_details',
  'completion_tokens_details',
  'stop_reason',
  'tags',
  'tid',
  'trace_id',
  'request_id',
  'feedback',
  'error_type',
  'error_data',
  'project_id',
  'created_at',
  'updated_at',
] as const

export type StepFilter = {
  runId?: RunId | null
  agentId?: AgentId | null
  model?: string | null
  traceIds?: string[] | null
  feedback?: string | null
  hasFeedback?: boolean | null
  tags?: string[] | null
  projectId?: string | null
  /** RFC 3339; both exclusive. */
  from?: string | null
  to?: string | null
}

export type StepPage = { order: 'asc' | 'desc'; before: StepId | null; after: StepId | null; limit: number }

/** A page of steps by keyset. Faults: not_found for a cursor. */
export async function readSteps(
  db: Db,
  organizationId: OrganizationId,
  filter: StepFilter,
  page: StepPage,
): Promise<StepRow[]> {
  let query = db.selectFrom('steps').where('organization_id', '=', organizationId).select(COLUMNS)
  if (filter.runId) query = query.where('run_id', '=', filter.runId)
  if (filter.agentId) query = query.where('agent_id', '=', filter.agentId)
  if (filter.model) query = query.where('model', '=', filter.model)
  if (filter.traceIds?.length) query = query.where('trace_id', 'in', filter.traceIds)
  if (filter.feedback) query = query.where('feedback', '=', filter.feedback)
  if (filter.hasFeedback) query = query.where('feedback', 'is not', null)
  if (filter.hasFeedback === false) query = query.where('feedback', 'is', null)
  if (filter.tags?.length) query = query.where(sql<boolean>`tags ?| ${filter.tags}`)
  if (filter.projectId) query = query.where('project_id', '=', filter.projectId)
  if (filter.from) query = query.where('created_at', '>', filter.from)
  if (filter.to) query = query.where('created_at', '<', filter.to)
  const backwards = page.before !== null && page.after === null
  const direction = (page.order === 'desc') !== backwards ? 'desc' : 'asc'
  const cursor = page.after ?? page.before
  if (cursor) {
    const at = await getStep(db, organizationId, cursor)
    const sign = direction === 'desc' ? sql.raw('<') : sql.raw('>')
    query = query.where(sql<boolean>`(created_at, id) ${sign} (${at.created_at}::timestamptz, ${cursor})`)
  }
  const rows = await query
    .orderBy('created_at', direction)
    .orderBy('id', direction)
    .limit(page.limit)
    .execute()
  return backwards ? rows.toReversed() : rows
}

/** Faults: not_found. */
export async function getStep(db: Db, organizationId: OrganizationId, id: StepId): Promise<StepRow> {
  const row = await db
    .selectFrom('steps')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select(COLUMNS)
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `Step not found with id='['${id}']'`)
  return row
}

/** Faults: not_found. */
export async function getStepMetrics(
  db: Db,
  organizationId: OrganizationId,
  id: StepId,
): Promise<Selectable<StepMetricsTable>> {
  const row = await db
    .selectFrom('step_metrics')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `Step metrics not found with id='['${id}']'`)
  return row
}

export type TraceRow = Selectable<ProviderTracesTable> & {
  /** Who asked for the run. */
  created_by_id: UserId | null
  /** What the agent is tagged with now. */
  agent_tags: string[]
}

/** What went to providers for a step, the newest first. */
export async function readTraces(db: Db, organizationId: OrganizationId, id: StepId): Promise<TraceRow[]> {
  return db
    .selectFrom('provider_traces as trace')
    .leftJoin('runs', (join) =>
      join.onRef('runs.organization_id', '=', 'trace.organization_id').onRef('runs.id', '=', 'trace.run_id'),
    )
    .where('trace.organization_id', '=', organizationId)
    .where('trace.step_id', '=', id)
    .orderBy('trace.created_at', 'desc')
    .selectAll('trace')
    .select(['runs.created_by_id', tagsOfAgent.as('agent_tags')])
    .execute()
}

const tagsOfAgent = sql<string[]>`array(
  select tag from agent_tags
  where agent_tags.organization_id = trace.organization_id and agent_tags.agent_id = trace.agent_id
  order by tag)`

/** Null feedback clears it; no tags leave the tags as they are. Faults: not_found. */
export async function saveFeedback(
  db: Db,
  organizationId: OrganizationId,
  id: StepId,
  given: { feedback: string | null; tags: string[] | null },
): Promise<StepRow> {
  await db
    .updateTable('steps')
    .set({
      feedback: given.feedback,
      ...(given.tags?.length && { tags: JSON.stringify(given.tags) }),
      updated_at: sql<string>`now()`,
    })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
  return getStep(db, organizationId, id)
}

/** Faults: not_found. */
export async function saveTransaction(
  db: Db,
  organizationId: OrganizationId,
  id: StepId,
  tid: string,
): Promise<StepRow> {
  await db
    .updateTable('steps')
    .set({ tid })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
  return getStep(db, organizationId, id)
}
