import { type Insertable, sql, type Updateable } from 'kysely'
import type { RunError } from '../domain/failure.ts'
import type { AgentId, ConversationId, OrganizationId, RunId, StepId } from '../domain/id.ts'
import type { LlmConfig, ModelTrace, Usage } from '../domain/model.ts'
import type { StepStatus, StepTimes, StoredReply } from '../domain/step.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import type { Origin } from '../domain/turn.ts'
import type { Db, StepsTable } from './schema.ts'
import { statement } from './statement.ts'
import { traceValues } from './traces.ts'

export type NewStep = {
  id: StepId
  organizationId: OrganizationId
  runId: RunId
  agentId: AgentId
  conversationId: ConversationId
  /** 0-based position in the run. */
  index: number
  projectId: string | null
  origin: Origin
}

/** A step that has begun: its id is known to the database before its model is asked. */
export function stepValues(step: NewStep): Insertable<StepsTable> {
  return {
    organization_id: step.organizationId,
    id: step.id,
    run_id: step.runId,
    agent_id: step.agentId,
    conversation_id: step.conversationId,
    index: step.index,
    project_id: step.projectId,
    trace_id: step.origin.traceId,
    request_id: step.origin.requestId,
  }
}

/** How a step ended. */
export type StepEnd = {
  status: Exclude<StepStatus, 'pending'>
  config: LlmConfig
  usage: Usage
  stopReason: StopReason | null
  error: RunError | null
  times: StepTimes
  /** What went to the provider and came back; null: it is not known, or not kept. */
  trace: ModelTrace | null
}

/** Ends a step: its row, its times, and the trace of its model call. */
export async function endStep(tx: Db, step: NewStep, end: StepEnd): Promise<void> {
  const { trace } = end
  await writeEnd(tx, {
    key: { organizationId: step.organizationId, id: step.id },
    metrics: metricsValues(step, end.times),
    times: timeColumns(end.times),
    ...(trace && { trace: traceValues(trace, { ...step, stepId: step.id, config: end.config }) }),
    columns: {
      ...configColumns(end.config),
      ...usageColumns(end.usage),
      status: end.status,
      phase: 'committed',
      stop_reason: end.stopReason,
      error_type: end.error?.errorType ?? null,
      error_data: end.error && JSON.stringify({ message: end.error.message, detail: end.error.detail }),
    },
  })
}

type EndRows = {
  key: { organizationId: OrganizationId; id: StepId }
  metrics: ReturnType<typeof metricsValues>
  times: ReturnType<typeof timeColumns>
  trace?: ReturnType<typeof traceValues>
  columns: Updateable<StepsTable>
}

const writeEnd = statement((db, { key, metrics, times, trace, columns }: EndRows) => {
  const measured = db.with('metrics', (db) =>
    db
      .insertInto('step_metrics')
      .values(metrics)
      .onConflict((conflict) => conflict.columns(['organization_id', 'id']).doUpdateSet(times))
      .returning('id'),
  )
  const writing = trace
    ? measured.with('trace', (db) => db.insertInto('provider_traces').values(trace).returning('id'))
    : measured
  return writing
    .updateTable('steps')
    .set({ ...columns, updated_at: sql<string>`now()` })
    .where('organization_id', '=', key.organizationId)
    .where('id', '=', key.id)
})

function metricsValues(step: NewStep, times: StepTimes) {
  return {
    organization_id: step.organizationId,
    id: step.id,
    run_id: step.runId,
    agent_id: step.agentId,
    project_id: step.projectId,
    ...timeColumns(times),
  }
}

function configColumns(config: LlmConfig) {
  return {
    provider_name: config.model_endpoint_type,
    provider_category: config.provider_category ?? 'base',
    model: config.model,
    model_handle: config.handle,
    model_endpoint: config.model_endpoint,
    context_window_limit: config.context_window,
  }
}

/** Details keep what was reported; the columns beside them hold a count only when there was one. */
function usageColumns(usage: Usage) {
  const { cachedInput, cacheWrite, reasoning } = usage
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.total,
    cached_input_tokens: cachedInput || null,
    cache_write_tokens: cacheWrite || null,
    reasoning_tokens: reasoning || null,
    prompt_tokens_details:
      cachedInput === undefined && cacheWrite === undefined
        ? null
        : JSON.stringify({
            cached_tokens: cachedInput ?? 0,
            cache_read_tokens: cachedInput ?? 0,
            cache_creation_tokens: cacheWrite ?? 0,
          }),
    completion_tokens_details:
      reasoning === undefined && usage.total === 0
        ? null
        : JSON.stringify({ reasoning_tokens: reasoning ?? 0 }),
  }
}

function timeColumns(times: StepTimes) {
  return {
    step_start_ns: times.stepStartNs,
    llm_request_start_ns: times.llmRequestStartNs ?? null,
    llm_request_ns: times.llmRequestNs ?? null,
    tool_execution_ns: times.toolExecutionNs ?? null,
    step_ns: times.stepNs ?? null,
  }
}

/**
 * The tools of an approved request ran in another run, but their time belongs to the step that asked; its row is made
 * where there is none.
 */
export async function addToolTime(
  tx: Db,
  organizationId: OrganizationId,
  id: StepId,
  ns: number,
): Promise<void> {
  await tx
    .insertInto('step_metrics')
    .columns(['organization_id', 'id', 'run_id', 'agent_id', 'project_id', 'tool_execution_ns'])
    .expression((db) =>
      db
        .selectFrom('steps')
        .where('organization_id', '=', organizationId)
        .where('id', '=', id)
        .select(['organization_id', 'id', 'run_id', 'agent_id', 'project_id'])
        .select(sql<number>`${ns}::bigint`.as('ns')),
    )
    .onConflict((conflict) =>
      conflict.columns(['organization_id', 'id']).doUpdateSet({
        tool_execution_ns: sql<number>`greatest(coalesce(step_metrics.tool_execution_ns, 0), excluded.tool_execution_ns)`,
      }),
    )
    .execute()
}

/** The journal: a model's whole answer, saved before anything is done about it. */
export async function saveReply(
  tx: Db,
  organizationId: OrganizationId,
  id: StepId,
  reply: StoredReply,
): Promise<void> {
  await tx
    .updateTable('steps')
    .set({ phase: 'replied', reply: JSON.stringify(reply), updated_at: sql<string>`now()` })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
}

export type OpenStep = { id: StepId; index: number; attempt: number; reply: StoredReply | null }

/** The step in flight of a run, with what the journal knows of it. */
export async function findOpenStep(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
): Promise<OpenStep | undefined> {
  return db
    .selectFrom('steps')
    .where('organization_id', '=', organizationId)
    .where('run_id', '=', runId)
    .where('status', '=', 'pending')
    .select(['id', 'index', 'attempt', 'reply'])
    .executeTakeFirst()
}

/** What a run has used, over all its steps; null where no step reported anything. */
export async function readUsage(db: Db, organizationId: OrganizationId, runId: RunId): Promise<RunUsage> {
  return usageOf(db, organizationId, runId).executeTakeFirstOrThrow()
}

/** Two keys for one count, never a sum: the first that is not 0. */
const CACHED_INPUT = sql<number | null>`sum(coalesce(
  nullif((prompt_tokens_details->>'cached_tokens')::bigint, 0),
  (prompt_tokens_details->>'cache_read_tokens')::bigint,
  (prompt_tokens_details->>'cached_tokens')::bigint))`

export function usageOf(db: Db, organizationId: OrganizationId, runId: RunId) {
  return db
    .selectFrom('steps')
    .where('organization_id', '=', organizationId)
    .where('run_id', '=', runId)
    .where('status', '!=', 'pending')
    .select((step) => [
      sql<number>`coalesce(sum(prompt_tokens), 0)`.as('prompt'),
      sql<number>`coalesce(sum(completion_tokens), 0)`.as('completion'),
      sql<number>`coalesce(sum(total_tokens), 0)`.as('total'),
      step.fn.count<number>('id').filterWhere('status', '=', 'success').as('stepCount'),
      CACHED_INPUT.as('cachedInput'),
      sql<number | null>`sum((prompt_tokens_details->>'cache_creation_tokens')::bigint)`.as('cacheWrite'),
      sql<number | null>`sum((completion_tokens_details->>'reasoning_tokens')::bigint)`.as('reasoning'),
    ])
}

export type RunUsage = {
  prompt: number
  completion: number
  total: number
  stepCount: number
  cachedInput: number | null
  cacheWrite: number | null
  reasoning: number | null
}

/** Steps of a run that have ended well. */
export async function countSteps(db: Db, organizationId: OrganizationId, runId: RunId): Promise<number> {
  const { count } = await db
    .selectFrom('steps')
    .where('organization_id', '=', organizationId)
    .where('run_id', '=', runId)
    .where('status', '=', 'success')
    .select((step) => step.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

export async function hasEnded(db: Db, organizationId: OrganizationId, id: StepId): Promise<boolean> {
  const row = await db
    .selectFrom('steps')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select('status')
    .executeTakeFirst()
  return row !== undefined && row.status !== 'pending'
}
