import { type QueryCreator, type Selectable, sql } from 'kysely'
import { type RunError, recordedError } from '../domain/failure.ts'
import type { AgentId, ConversationId, OrganizationId, RunId, StepId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Outcome, RunStatus } from '../domain/run.ts'
import type { StepStatus } from '../domain/step.ts'
import { STOP_REASONS, type StopReason } from '../domain/stop-reason.ts'
import type { Database, Db, RunsTable } from './schema.ts'
import { statement } from './statement.ts'
import { type RunUsage, usageOf } from './steps.ts'

export type Settled = {
  organizationId: OrganizationId
  runId: RunId
  conversationId: ConversationId
  agentId: AgentId
}

export type EndedRun = {
  createdAt: string
  completedAt: string | null
  callbackUrl: string | null
  /** Who did not drive the run numbers its last frames from here on. */
  seqReserved: number
  usage: RunUsage
  /** Steps that were still open. */
  closedSteps: StepId[]
  /** Some run waits for the turn of the scope. */
  isWaitedFor: boolean
}

export type EndOptions = {
  fromCompleted?: boolean
  trackLastRun?: boolean
  /** From admission to the first piece of the answer, in nanoseconds; null: none came, or that has been noted. */
  ttftNs?: number | null
}

/**
 * Ends a run, in a transaction that holds its scope and its row, with one statement: status, reason, steps that are left
 * open, metrics, the agent's last stop reason, and the turn. The caller adds the terminal frames and the jobs. Undefined:
 * the run had ended already, nothing is changed.
 *
 * `trackLastRun`: the agent remembers when, and how long. `fromCompleted`: the one way out of a terminal state, a cancel
 * of a completed run that still owns the open approval; duration and completion time stay those of the first ending.
 */
export async function settleRun(
  tx: Db,
  run: Settled,
  outcome: Outcome,
  { fromCompleted = false, trackLastRun = false, ttftNs = null }: EndOptions,
): Promise<EndedRun | undefined> {
  const [row] = await endAll(tx, endingOf(run, outcome, ttftNs), { fromCompleted, trackLastRun })
  if (!row) return undefined
  const { created_at, completed_at, callback_url, seq_reserved, closedSteps, isWaitedFor, ...usage } = row
  return {
    createdAt: created_at,
    completedAt: completed_at,
    callbackUrl: callback_url,
    seqReserved: seq_reserved,
    usage,
    closedSteps,
    isWaitedFor,
  }
}

type RunEnding = Settled & {
  status: RunStatus
  stopReason: StopReason
  ttftNs: number | null
  /** What the run's metadata get, as JSON. */
  patch: string
  /** Of steps that the run leaves behind unfinished. */
  leftStatus: StepStatus
  leftError: string | null
}

function endingOf(run: Settled, { stopReason, error }: Outcome, ttftNs: number | null): RunEnding {
  const status = STOP_REASONS[stopReason]
  return {
    organizationId: run.organizationId,
    runId: run.runId,
    conversationId: run.conversationId,
    agentId: run.agentId,
    status,
    stopReason,
    ttftNs,
    patch: JSON.stringify(errorPatch(run.runId, recordedError(stopReason, error))),
    leftStatus: status === 'cancelled' ? 'cancelled' : 'failed',
    leftError: status === 'cancelled' ? null : 'interrupted',
  }
}

type Ways = { fromCompleted: boolean; trackLastRun: boolean }

const endAll = statement((db, run: RunEnding, ways: Ways) =>
  db
    .with('ended', (db) => endRow(db, run, ways))
    .with('closed_steps', (db) => closeOpenSteps(db, run))
    .with('measured', (db) => endMetrics(db, run))
    .with('agent', (db) => endForAgent(db, run, ways))
    .with('scope', (db) =>
      db
        .updateTable('conversations')
        .from('ended')
        .set({ last_run_completion: sql<string>`clock_timestamp()` })
        .where('conversations.organization_id', '=', run.organizationId)
        .where('conversations.id', '=', run.conversationId)
        .returning('conversations.id'),
    )
    .selectFrom('ended')
    .innerJoin(usageOf(db, run.organizationId, run.runId).as('usage'), (join) => join.onTrue())
    .select([
      'ended.created_at',
      'ended.completed_at',
      'ended.callback_url',
      'ended.seq_reserved',
      'usage.prompt',
      'usage.completion',
      'usage.total',
      'usage.stepCount',
      'usage.cachedInput',
      'usage.cacheWrite',
      'usage.reasoning',
    ])
    .select((query) => [
      sql<StepId[]>`array(select id from closed_steps)`.as('closedSteps'),
      query.exists(waitingRuns(db, run).select('waiting.id')).$castTo<boolean>().as('isWaitedFor'),
    ]),
)

/** Runs that wait for a scope's turn. */
function waitingRuns(db: Pick<Db, 'selectFrom'>, scope: ScopeArgs) {
  return db
    .selectFrom('runs as waiting')
    .where('waiting.organization_id', '=', scope.organizationId)
    .where('waiting.conversation_id', '=', scope.conversationId)
    .where('waiting.status', '=', 'created')
    .where('waiting.holds_turn', '=', false)
}

function endRow(db: QueryCreator<Database>, run: RunEnding, { fromCompleted }: Ways) {
  return db
    .updateTable('runs')
    .set((columns) => ({
      status: run.status,
      stop_reason: run.stopReason,
      completed_at: sql<string>`coalesce(completed_at, clock_timestamp())`,
      ttft_ns: sql<number | null>`coalesce(ttft_ns, ${run.ttftNs}::bigint)`,
      metadata: sql<string>`coalesce(metadata, '{}') || ${run.patch}::jsonb`,
      holds_turn: false,
      lease_owner: null,
      lease_epoch: columns('lease_epoch', '+', 1),
    }))
    .where('organization_id', '=', run.organizationId)
    .where('id', '=', run.runId)
    .where((where) =>
      fromCompleted
        ? where.and([where('status', '=', 'completed'), where('stop_reason', '=', 'requires_approval')])
        : where('status', 'in', ['created', 'running']),
    )
    .returning(['id', 'created_order', 'created_at', 'completed_at', 'callback_url', 'seq_reserved'])
}

/** The row of a run that this statement ends; nothing else of the statement happens without it. */
type Ending = Database & {
  ended: Pick<Selectable<RunsTable>, 'id' | 'created_order' | 'created_at' | 'completed_at'>
}

/** What `metadata.error` holds: the same object as the stream's error event. */
function errorPatch(runId: RunId, error: RunError | null): JsonObject {
  if (!error) return {}
  const { errorType, message, detail } = error
  return {
    error: {
      message_type: 'error_message',
      run_id: runId,
      error_type: errorType,
      message,
      detail,
      seq_id: null,
    },
  }
}

function closeOpenSteps(db: QueryCreator<Ending>, run: RunEnding) {
  return db
    .updateTable('steps')
    .from('ended')
    .set({
      status: run.leftStatus,
      phase: 'committed',
      stop_reason: run.stopReason,
      error_type: run.leftError,
      updated_at: sql<string>`now()`,
    })
    .where('steps.organization_id', '=', run.organizationId)
    .where('steps.run_id', '=', run.runId)
    .where('steps.status', '=', 'pending')
    .returning('steps.id')
}

/** Written once: a run that ends a second time keeps its times. */
function endMetrics(db: QueryCreator<Ending>, run: Settled) {
  return db
    .updateTable('run_metrics')
    .from('ended')
    .set({
      run_ns: sql<number>`(extract(epoch from ended.completed_at - ended.created_at) * 1e9)::bigint`,
      num_steps: sql<number>`(select count(*) from steps
        where organization_id = ${run.organizationId} and run_id = ${run.runId})`,
      tools_used: sql<string[]>`(select array_agg(distinct tool_id) from tool_executions
        where organization_id = ${run.organizationId} and run_id = ${run.runId} and tool_id is not null)`,
    })
    .where('run_metrics.organization_id', '=', run.organizationId)
    .where('run_metrics.id', '=', run.runId)
    .where('run_metrics.run_ns', 'is', null)
    .returning('run_metrics.id')
}

/** The agent remembers its newest run, and lists show who was at work. An older run that ends late overwrites nothing. */
function endForAgent(db: QueryCreator<Ending>, run: RunEnding, { trackLastRun }: Ways) {
  return db
    .updateTable('agents')
    .from('ended')
    .set((columns) => ({
      last_stop_reason: run.stopReason,
      updated_at: sql<string>`clock_timestamp()`,
      ...(trackLastRun && {
        last_run_completion: sql<string>`clock_timestamp()`,
        last_run_duration_ms: sql<number>`(extract(epoch from ended.completed_at - ended.created_at) * 1e3)::bigint`,
      }),
      last_run_order: columns.ref('ended.created_order'),
    }))
    .where('agents.organization_id', '=', run.organizationId)
    .where('agents.id', '=', run.agentId)
    .whereRef('agents.last_run_order', '<=', 'ended.created_order')
    .returning('agents.id')
}

/**
 * Gives the free turn of a scope to the run that has waited longest; answers to approvals wait in front. Undefined:
 * nobody waits. While an approval is open only an answer may have it, and an answer never waits behind one.
 */
export async function handTurnOn(
  tx: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
): Promise<RunId | undefined> {
  const [row] = await giveTurn(tx, { organizationId, conversationId })
  return row?.id
}

type ScopeArgs = { organizationId: OrganizationId; conversationId: ConversationId }

const giveTurn = statement((db, args: ScopeArgs) =>
  db
    .updateTable('runs')
    .set({ holds_turn: true, queue_pos: null })
    .where('organization_id', '=', args.organizationId)
    .where('id', '=', () =>
      waitingRuns(db, args)
        .orderBy('waiting.queue_pos')
        .orderBy('waiting.created_order')
        .limit(1)
        .select('waiting.id'),
    )
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('open_approvals')
            .where('open_approvals.organization_id', '=', args.organizationId)
            .where('open_approvals.conversation_id', '=', args.conversationId)
            .select('open_approvals.message_id'),
        ),
      ),
    )
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('runs as holder')
            .where('holder.organization_id', '=', args.organizationId)
            .where('holder.conversation_id', '=', args.conversationId)
            .where('holder.holds_turn', '=', true)
            .select('holder.id'),
        ),
      ),
    )
    .returning('id'),
)
