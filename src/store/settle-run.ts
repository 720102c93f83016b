import { sql } from 'kysely'
import type { RunError } from '../domain/failure.ts'
import type { AgentId, ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Outcome } from '../domain/run.ts'
import { STOP_REASONS } from '../domain/stop-reason.ts'
import type { Db } from './schema.ts'

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
}

/**
 * Ends a run, in a transaction that holds its scope and its row: status, reason, metrics, the agent's last stop reason,
 * and the turn. The caller adds the terminal frames and the jobs. Undefined: the run had ended already, nothing is changed.
 *
 * `fromCompleted`: the one way out of a terminal state, a cancel of a completed run that still owns the open approval.
 * Duration and completion time stay those of the first ending.
 */
export async function settleRun(
  tx: Db,
  run: Settled,
  outcome: Outcome,
  fromCompleted = false,
): Promise<EndedRun | undefined> {
  const status = STOP_REASONS[outcome.stopReason]
  const row = await tx
    .updateTable('runs')
    .set((columns) => ({
      status,
      stop_reason: outcome.stopReason,
      completed_at: sql<string>`coalesce(completed_at, clock_timestamp())`,
      metadata: sql<string>`coalesce(metadata, '{}') || ${JSON.stringify(errorPatch(run.runId, outcome.error))}::jsonb`,
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
    .returning(['created_order', 'created_at', 'completed_at', 'callback_url', 'seq_reserved'])
    .executeTakeFirst()
  if (!row) return undefined
  if (!fromCompleted) await endMetrics(tx, run)
  await endForAgent(tx, run, outcome, row.created_order)
  return {
    createdAt: row.created_at,
    completedAt: row.completed_at,
    callbackUrl: row.callback_url,
    seqReserved: row.seq_reserved,
  }
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

async function endMetrics(tx: Db, run: Settled): Promise<void> {
  await sql`
    update run_metrics set
      run_ns = (extract(epoch from clock_timestamp() - (
        select created_at from runs where organization_id = ${run.organizationId} and id = ${run.runId})) * 1e9)::bigint,
      num_steps = (select count(*) from steps
        where organization_id = ${run.organizationId} and run_id = ${run.runId} and status <> 'pending'),
      tools_used = (select jsonb_agg(distinct tool_id) from tool_executions
        where organization_id = ${run.organizationId} and run_id = ${run.runId} and tool_id is not null)
    where organization_id = ${run.organizationId} and id = ${run.runId} and run_ns is null
  `.execute(tx)
}

/** The agent remembers its newest run; an older one that ends late does not overwrite it. */
async function endForAgent(tx: Db, run: Settled, outcome: Outcome, createdOrder: number): Promise<void> {
  await sql`
    update agents set
      last_stop_reason = ${outcome.stopReason},
      last_run_completion = clock_timestamp(),
      last_run_duration_ms = (select run_ns / 1000000 from run_metrics
        where organization_id = ${run.organizationId} and id = ${run.runId}),
      last_run_order = ${createdOrder},
      updated_at = clock_timestamp()
    where organization_id = ${run.organizationId} and id = ${run.agentId} and last_run_order <= ${createdOrder}
  `.execute(tx)
  await tx
    .updateTable('conversations')
    .set({ last_run_completion: sql<string>`clock_timestamp()` })
    .where('organization_id', '=', run.organizationId)
    .where('id', '=', run.conversationId)
    .execute()
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
  const row = await tx
    .updateTable('runs')
    .set({ holds_turn: true, queue_pos: null })
    .where('organization_id', '=', organizationId)
    .where('id', '=', (query) =>
      query
        .selectFrom('runs as waiting')
        .where('waiting.organization_id', '=', organizationId)
        .where('waiting.conversation_id', '=', conversationId)
        .where('waiting.status', '=', 'created')
        .where('waiting.holds_turn', '=', false)
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
            .where('open_approvals.organization_id', '=', organizationId)
            .where('open_approvals.conversation_id', '=', conversationId)
            .select('open_approvals.message_id'),
        ),
      ),
    )
    .where((where) =>
      where.not(
        where.exists(
          where
            .selectFrom('runs as holder')
            .where('holder.organization_id', '=', organizationId)
            .where('holder.conversation_id', '=', conversationId)
            .where('holder.holds_turn', '=', true)
            .select('holder.id'),
        ),
      ),
    )
    .returning('id')
    .executeTakeFirst()
  return row?.id
}

/** Notes when the first piece of the answer came; the first note stays. */
export async function saveTtft(
  tx: Db,
  organizationId: OrganizationId,
  runId: RunId,
  ns: number,
): Promise<void> {
  await tx
    .updateTable('runs')
    .set({ ttft_ns: ns })
    .where('organization_id', '=', organizationId)
    .where('id', '=', runId)
    .where('ttft_ns', 'is', null)
    .execute()
}
