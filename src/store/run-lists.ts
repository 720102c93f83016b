import { type SelectQueryBuilder, sql } from 'kysely'
import { Fault } from '../domain/fault.ts'
import type { AgentId, ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import type { Run, RunStatus } from '../domain/run.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import { RUN_COLUMNS, type RunRow, toRun } from './run-rows.ts'
import type { Database, Db } from './schema.ts'
import { inTransaction } from './transaction.ts'

/** Which runs are asked for; all of it together, null: not asked. */
export type RunFilter = {
  runId?: RunId | null
  agentIds?: AgentId[] | null
  statuses?: RunStatus[] | null
  background?: boolean | null
  stopReason?: StopReason | null
  conversationId?: ConversationId | null
  projectId?: string | null
  baseTemplateId?: string | null
  stepCount?: { value: number; operator: 'eq' | 'gte' | 'lte' } | null
  /** Ids of tools; any of them. */
  toolsUsed?: string[] | null
  /** RFC 3339; both inclusive. */
  from?: string | null
  to?: string | null
  /** Nanoseconds. */
  duration?: { value: number; operator: 'gt' | 'lt' | 'eq' } | null
  /** 1–100: at least as long as this share of the runs. */
  durationPercentile?: number | null
}

export type RunPage = {
  orderBy: 'created_at' | 'duration'
  order: 'asc' | 'desc'
  /** Further along the order than this run. */
  after: RunId | null
  /** Before this run in the order. */
  before: RunId | null
  limit: number
  /** A cursor that is not there is no cursor, as the old server had it; else it is not found. */
  ignoresUnknown?: boolean
}

/** A page of runs, by keyset: the millionth page costs what the first does. Faults: not_found for a cursor. */
export async function readRuns(
  db: Db,
  organizationId: OrganizationId,
  filter: RunFilter,
  page: RunPage,
): Promise<Run[]> {
  const table = isMeasured(filter, page) ? 'run_metrics' : 'runs'
  let query = filtered(db, organizationId, filter, table)
  if (page.orderBy === 'duration' || filter.duration || filter.durationPercentile) {
    query = query.where('run_metrics.run_ns', 'is not', null)
  }
  if (filter.durationPercentile) {
    const threshold = await percentileOf(db, organizationId, filter, filter.durationPercentile)
    if (threshold !== null) query = query.where('run_metrics.run_ns', '>=', threshold)
  }
  const backwards = page.before !== null && page.after === null
  const direction = (page.order === 'desc') !== backwards ? 'desc' : 'asc'
  const cursor = page.after ?? page.before
  const key = page.orderBy === 'duration' ? 'run_metrics.run_ns' : (`${table}.created_at` as const)
  if (cursor) {
    const isBeyond = await beyond(db, organizationId, cursor, key, direction)
    if (isBeyond) query = query.where(isBeyond)
    else if (!page.ignoresUnknown) throw new Fault('not_found', `Run not found with id='['${cursor}']'`)
  }
  const rows = await query
    .orderBy(key, direction)
    .orderBy(`${table}.id`, direction)
    .limit(page.limit)
    .select([...RUN_COLUMNS, 'run_metrics.run_ns'])
    .execute()
  const runs = rows.map((row) => toRun(row as RunRow))
  return backwards ? runs.toReversed() : runs
}

type RunQuery = SelectQueryBuilder<Database, 'runs' | 'run_metrics', object>

/** Whether the page is found by what runs took and used; a status leads there sooner, where the order is that of time. */
function isMeasured(filter: RunFilter, page: RunPage): boolean {
  const { stepCount, duration, durationPercentile, toolsUsed } = filter
  if (page.orderBy === 'duration') return true
  if (filter.statuses && durationPercentile) return false
  return [stepCount, duration, durationPercentile, toolsUsed?.length].some(Boolean)
}

/** `table`: the one whose indexes lead to the page. */
function filtered(
  db: Db,
  organizationId: OrganizationId,
  filter: RunFilter,
  table: 'runs' | 'run_metrics',
): RunQuery {
  let query: RunQuery = db
    .selectFrom('runs')
    .innerJoin('run_metrics', (join) =>
      join
        .onRef('run_metrics.organization_id', '=', 'runs.organization_id')
        .onRef('run_metrics.id', '=', 'runs.id'),
    )
    .where(`${table}.organization_id`, '=', organizationId)
  if (filter.runId) query = query.where(`${table}.id`, '=', filter.runId)
  if (filter.agentIds) query = query.where(`${table}.agent_id`, 'in', filter.agentIds)
  if (filter.statuses) query = query.where('runs.status', 'in', filter.statuses)
  if (filter.background !== undefined && filter.background !== null) {
    query = query.where('runs.background', '=', filter.background)
  }
  if (filter.stopReason) query = query.where('runs.stop_reason', '=', filter.stopReason)
  if (filter.conversationId) {
    query = query
      .where('runs.conversation_id', '=', filter.conversationId)
      .where('runs.in_default_conversation', '=', false)
  }
  if (filter.projectId) query = query.where(`${table}.project_id`, '=', filter.projectId)
  if (filter.baseTemplateId) query = query.where(`${table}.base_template_id`, '=', filter.baseTemplateId)
  if (filter.from) query = query.where(`${table}.created_at`, '>=', filter.from)
  if (filter.to) query = query.where(`${table}.created_at`, '<=', filter.to)
  return measured(query, filter)
}

const STEP_OPERATORS = { eq: '=', gte: '>=', lte: '<=' } as const
const DURATION_OPERATORS = { gt: '>', lt: '<', eq: '=' } as const

/** The filters on what a run took and used. */
function measured(start: RunQuery, filter: RunFilter): RunQuery {
  let query = start
  if (filter.stepCount) {
    query = query.where(
      'run_metrics.num_steps',
      STEP_OPERATORS[filter.stepCount.operator],
      filter.stepCount.value,
    )
  }
  if (filter.duration) {
    query = query.where(
      'run_metrics.run_ns',
      DURATION_OPERATORS[filter.duration.operator],
      filter.duration.value,
    )
  }
  if (filter.toolsUsed?.length) {
    query = query.where(sql<boolean>`run_metrics.tools_used && ${filter.toolsUsed}`)
  }
  return query
}

/** Runs that a percentile is told from, about: all of them would be sorted for each page. */
const SAMPLED_RUNS = 10_000

/**
 * The population is the organisation's, narrowed by project, agents and statuses only. In a table of more runs than are
 * sampled it is told from a sample, to half a point; an agent's own runs are all counted. Null: nobody has ended yet.
 */
async function percentileOf(
  db: Db,
  organizationId: OrganizationId,
  filter: RunFilter,
  percentile: number,
): Promise<number | null> {
  const { agentIds, statuses, projectId } = filter
  const share = agentIds ? 1 : await sampleShare(db)
  const sample = share < 1 ? sql`tablesample system (${share * 100}) repeatable (1)` : sql``
  // Statuses stand with the runs: those are sampled, and only what is left of them is looked up.
  const from = statuses
    ? sql`runs ${sample} join run_metrics metrics
        on metrics.organization_id = runs.organization_id and metrics.id = runs.id`
    : sql`run_metrics metrics ${sample}`
  const conditions = [
    sql`metrics.organization_id = ${organizationId} and metrics.run_ns is not null`,
    ...(agentIds ? [sql`metrics.agent_id = any (${agentIds})`] : []),
    ...(projectId ? [sql`metrics.project_id = ${projectId}`] : []),
    ...(statuses ? [sql`runs.organization_id = ${organizationId} and runs.status = any (${statuses})`] : []),
  ]
  const { rows } = await sql<{ ns: number | null }>`
    select ceil(percentile_cont(${percentile / 100}) within group (order by metrics.run_ns))::bigint as ns
    from ${from} where ${sql.join(conditions, sql` and `)}
  `.execute(db)
  return rows[0]?.ns ?? null
}

/** The part of all runs that is enough for a percentile, by the database's own estimate of how many there are. */
async function sampleShare(db: Db): Promise<number> {
  const { rows } = await sql<{ runs: number }>`
    select reltuples::bigint as runs from pg_class where oid = 'run_metrics'::regclass
  `.execute(db)
  return Math.min(1, SAMPLED_RUNS / Math.max(1, rows[0]?.runs ?? 0))
}

type SortKey = 'runs.created_at' | 'run_metrics.created_at' | 'run_metrics.run_ns'

/** Behind a run in a direction, told by the run's own values as the database has them. Undefined: there is no such run. */
async function beyond(
  db: Db,
  organizationId: OrganizationId,
  cursor: RunId,
  key: SortKey,
  direction: 'asc' | 'desc',
) {
  const row = await db
    .selectFrom('runs')
    .leftJoin('run_metrics', (join) =>
      join
        .onRef('run_metrics.organization_id', '=', 'runs.organization_id')
        .onRef('run_metrics.id', '=', 'runs.id'),
    )
    .where('runs.organization_id', '=', organizationId)
    .where('runs.id', '=', cursor)
    .select(['runs.created_at', 'run_metrics.run_ns'])
    .executeTakeFirst()
  if (!row) return undefined
  const sign = direction === 'desc' ? sql.raw('<') : sql.raw('>')
  const id = sql.ref(`${key.split('.', 1)[0]}.id`)
  if (key === 'run_metrics.run_ns')
    return sql<boolean>`(${sql.ref(key)}, ${id}) ${sign} (${row.run_ns ?? 0}::bigint, ${cursor})`
  return sql<boolean>`(${sql.ref(key)}, ${id}) ${sign} (${row.created_at}::timestamptz, ${cursor})`
}

export type ActiveRun = { id: RunId; organizationId: OrganizationId; conversationId: ConversationId }

/** Runs that have not ended: of an agent, or of one conversation. Newest first. */
export async function readActiveRuns(
  db: Db,
  organizationId: OrganizationId,
  of: { agentId: AgentId } | { conversationId: ConversationId },
): Promise<ActiveRun[]> {
  let query = db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('status', 'in', ['created', 'running'])
    .orderBy('created_at', 'desc')
    .select(['id', 'conversation_id'])
  query =
    'agentId' in of
      ? query.where('agent_id', '=', of.agentId)
      : query.where('conversation_id', '=', of.conversationId)
  const rows = await query.execute()
  return rows.map((row) => ({ id: row.id, organizationId, conversationId: row.conversation_id }))
}

/** Deletes a run that has ended, with its stream; its messages and steps stay. Faults: not_found, plain_conflict. */
export async function deleteRun(db: Db, organizationId: OrganizationId, id: RunId): Promise<void> {
  const run = await db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select('status')
    .executeTakeFirst()
  if (!run) throw new Fault('not_found', `Run not found with id='['${id}']'`)
  if (run.status === 'created' || run.status === 'running') {
    throw new Fault('conflict', `Run ${id} is active; cancel it first, or delete it with force=true`, {
      run_id: id,
    })
  }
  await inTransaction(db, async (tx) => {
    await tx
      .updateTable('messages')
      .set({ run_id: null })
      .where('organization_id', '=', organizationId)
      .where('run_id', '=', id)
      .execute()
    await tx.deleteFrom('runs').where('organization_id', '=', organizationId).where('id', '=', id).execute()
  })
}

/** Metrics of a run. Faults: not_found. */
export async function getRunMetrics(db: Db, organizationId: OrganizationId, id: RunId) {
  const row = await db
    .selectFrom('run_metrics')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `Run metrics not found with id='['${id}']'`)
  return row
}
