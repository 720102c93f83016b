import { type Insertable, sql } from 'kysely'
import type { NumberedFrame } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Lease } from '../domain/run.ts'
import { leaveToCommit } from './pipeline.ts'
import type { Db, RunEventsTable } from './schema.ts'
import { statement } from './statement.ts'
import { packFrames, unpackFrames } from './stored-frames.ts'
import { inTransaction } from './transaction.ts'

/** Stores frames in the transaction that made them true. */
export async function insertFrames(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
  frames: NumberedFrame[],
): Promise<void> {
  if (frames.length === 0) return
  const rows = packFrames(frames).map((row) => ({
    organization_id: organizationId,
    run_id: runId,
    seq: row.seq,
    seq_last: row.seq_last,
    payload: JSON.stringify(row.payload),
  }))
  await insertRows(db, { rows })
}

const insertRows = statement((db, { rows }: { rows: Insertable<RunEventsTable>[] }) =>
  db.insertInto('run_events').values(rows),
)

export type PendingFrames = { lease: Lease; frames: NumberedFrame[] }

type PendingRow = ReturnType<typeof packPending>[number]

export function packPending(pending: PendingFrames[]) {
  return pending.flatMap(({ lease, frames }) =>
    packFrames(frames).map((row) => ({
      organization_id: lease.organizationId,
      run_id: lease.runId,
      epoch: lease.epoch,
      seq: row.seq,
      seq_last: row.seq_last,
      payload: row.payload,
    })),
  )
}

/**
 * Stores the token deltas of many runs with one statement and one commit. Rows of a run that this driver no longer owns
 * are left out: the join is the fence. Rows that are there already are the same ones. The commit need not wait for the
 * disk: a step's own commit does.
 */
export async function flushFrames(db: Db, rows: PendingRow[], beforeCommit: () => void): Promise<void> {
  if (rows.length === 0) return
  await inTransaction(db, async (tx) => {
    leaveToCommit(tx, sql`set local synchronous_commit = off`.execute(tx))
    const flushed = sql`
      insert into run_events (organization_id, run_id, seq, seq_last, payload)
      select frame.organization_id, frame.run_id, frame.seq, frame.seq_last, frame.payload
      from json_to_recordset(${JSON.stringify(rows)}::json)
        as frame (organization_id text, run_id text, epoch integer, seq bigint, seq_last bigint, payload json)
      join runs on runs.organization_id = frame.organization_id and runs.id = frame.run_id
        and runs.lease_epoch = frame.epoch and runs.status = 'running'
      on conflict do nothing
    `.execute(tx)
    leaveToCommit(tx, flushed)
    beforeCommit()
  })
}

/** Frames after `afterSeq`, in order, at most about `framesMax` of them. */
export async function readFrames(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
  afterSeq: number,
  framesMax = 1_000,
): Promise<NumberedFrame[]> {
  const rows = await db
    .selectFrom('run_events')
    .where('organization_id', '=', organizationId)
    .where('run_id', '=', runId)
    .where(
      'seq',
      '>=',
      sql<number>`coalesce((
      select max(seq) from run_events
      where organization_id = ${organizationId} and run_id = ${runId} and seq <= ${afterSeq + 1}), 0)`,
    )
    .orderBy('seq')
    .limit(framesMax)
    .select(['seq', 'seq_last', 'payload'])
    .execute()
  return rows.flatMap(unpackFrames).filter(({ seq }) => seq > afterSeq)
}
