import { sql } from 'kysely'
import { Fault } from '../domain/fault.ts'
import type { OrganizationId, RunId, UserId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Lease, Run } from '../domain/run.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { leaveToCommit } from './pipeline.ts'
import { RUN_COLUMNS, toRun } from './run-rows.ts'
import type { Db } from './schema.ts'
import { statement } from './statement.ts'
import { inTransaction } from './transaction.ts'

export async function findRun(db: Db, organizationId: OrganizationId, id: RunId): Promise<Run | undefined> {
  const [row] = await selectRun(db, { organizationId, id })
  return row && toRun(row)
}

type RunKey = { organizationId: OrganizationId; id: RunId }

const selectRun = statement((db, key: RunKey) => runWithMetrics(db, key))

function runWithMetrics(db: Db, key: RunKey) {
  return db
    .selectFrom('runs')
    .leftJoin('run_metrics', (join) =>
      join
        .onRef('run_metrics.organization_id', '=', 'runs.organization_id')
        .onRef('run_metrics.id', '=', 'runs.id'),
    )
    .where('runs.organization_id', '=', key.organizationId)
    .where('runs.id', '=', key.id)
    .select([...RUN_COLUMNS, 'run_metrics.run_ns'])
}

/** Faults: not_found. */
export async function getRun(db: Db, organizationId: OrganizationId, id: RunId): Promise<Run> {
  const run = await findRun(db, organizationId, id)
  if (!run) throw new Fault('not_found', `Run not found with id='['${id}']'`)
  return run
}

/** Who asked for the runs that stored some messages. */
export async function readAskers(
  db: Db,
  organizationId: OrganizationId,
  messages: { runId: RunId | null }[],
): Promise<Map<RunId, UserId>> {
  const ids = new Set(messages.flatMap(({ runId }) => runId ?? []))
  if (ids.size === 0) return new Map()
  const rows = await db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('id', '=', sql<RunId>`any(${[...ids]})`)
    .select(['id', 'created_by_id'])
    .execute()
  return new Map(rows.flatMap((row) => (row.created_by_id ? [[row.id, row.created_by_id]] : [])))
}

/** Notes how the turn of a run has ended, for whoever must end the run if its driver does not come to it. */
export async function saveConclusion(tx: Db, lease: Lease, stopReason: StopReason): Promise<void> {
  await tx
    .updateTable('runs')
    .set({ concluded_with: stopReason })
    .where('organization_id', '=', lease.organizationId)
    .where('id', '=', lease.runId)
    .execute()
}

/** Undefined: the turn goes on. */
export async function findConclusion(db: Db, lease: Lease): Promise<StopReason | undefined> {
  const row = await db
    .selectFrom('runs')
    .where('organization_id', '=', lease.organizationId)
    .where('id', '=', lease.runId)
    .select('concluded_with')
    .executeTakeFirst()
  return row?.concluded_with ?? undefined
}

/** A run with what was asked of it. Faults: not_found. */
export async function getAskedRun(
  db: Db,
  organizationId: OrganizationId,
  id: RunId,
): Promise<{ run: Run; request: TurnRequest }> {
  const [row] = await selectAskedRun(db, { organizationId, id })
  if (!row?.request) throw new Fault('not_found', `Run not found with id='['${id}']'`)
  return { run: toRun(row), request: row.request }
}

const selectAskedRun = statement((db, key: RunKey) => runWithMetrics(db, key).select('runs.request'))

/** What was asked of a run, as it was admitted. */
export async function getRequest(db: Db, organizationId: OrganizationId, id: RunId): Promise<TurnRequest> {
  const row = await db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select('request')
    .executeTakeFirst()
  if (!row?.request) throw new Fault('not_found', `Run not found with id='['${id}']'`)
  return row.request
}

/**
 * Says that the callers of these runs got their whole answers: a repeat of such a request is a new message, not a retry.
 * The commit need not wait for the disk: a forgotten note makes a repeat a retry, once, after a crash.
 */
export async function saveResponsesSent(db: Db, ids: RunId[]): Promise<void> {
  await inTransaction(db, async (tx) => {
    leaveToCommit(tx, sql`set local synchronous_commit = off`.execute(tx))
    const saved = tx
      .updateTable('runs')
      .set({ response_sent_at: sql<string>`now()` })
      .where('id', 'in', ids)
      .where('response_sent_at', 'is', null)
      .execute()
    leaveToCommit(tx, saved)
  })
}

/** More input for a run that still waits for its turn. Lock its scope first. */
export async function appendInput(
  tx: Db,
  organizationId: OrganizationId,
  id: RunId,
  input: Message[],
): Promise<void> {
  await tx
    .updateTable('runs')
    .set({
      request: sql<string>`jsonb_set(request, '{input}', (request->'input') || ${JSON.stringify(input)}::jsonb)`,
    })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
}

/** A run with its request, for whoever ends it from outside. Lock its scope first. */
export async function lockRun(tx: Db, organizationId: OrganizationId, id: RunId) {
  const row = await tx
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select([
      'id',
      'agent_id',
      'conversation_id',
      'status',
      'stop_reason',
      'holds_turn',
      'concluded_with',
      'request',
      'lease_epoch',
    ])
    .forNoKeyUpdate()
    .executeTakeFirst()
  return row?.request ? { ...row, request: row.request } : undefined
}

/** Unfinished runs that a tool of this run has started and waits for. */
export async function readWaitedFor(db: Db, organizationId: OrganizationId, id: RunId): Promise<RunId[]> {
  const rows = await db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('parent_run_id', '=', id)
    .where('status', 'in', ['created', 'running'])
    .where('background', '=', false)
    .select('id')
    .execute()
  return rows.map((row) => row.id)
}

/** Runs of a type that were started when this one ended. */
export async function readStartedRuns(
  db: Db,
  organizationId: OrganizationId,
  id: RunId,
  runType: string,
): Promise<RunId[]> {
  const rows = await db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('parent_run_id', '=', id)
    .where(sql<boolean>`metadata ->> 'run_type' = ${runType}`)
    .orderBy('created_order')
    .select('id')
    .execute()
  return rows.map((row) => row.id)
}

/** Of the runs that a process drives: those that it does not own any more. */
export async function readLostRuns(db: Db, leases: Lease[]): Promise<RunId[]> {
  const rows = await db
    .selectFrom('runs')
    .where('organization_id', 'in', [...new Set(leases.map((lease) => lease.organizationId))])
    .where(
      'id',
      'in',
      leases.map((lease) => lease.runId),
    )
    .select(['id', 'lease_epoch', 'status'])
    .execute()
  const found = new Map(rows.map((row) => [row.id, row]))
  return leases
    .filter(({ runId, epoch }) => {
      const row = found.get(runId)
      return row === undefined || row.lease_epoch !== epoch || row.status !== 'running'
    })
    .map(({ runId }) => runId)
}
