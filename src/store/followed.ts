import { sql } from 'kysely'
import type { RunId } from '../domain/id.ts'
import type { Db } from './schema.ts'

export type FollowedState = { runId: RunId; seqLast: number; ended: boolean }

/** How far the logs of some runs have come; one statement, however many they are. */
export async function readFollowed(db: Db, runIds: RunId[]): Promise<FollowedState[]> {
  const rows = await db
    .selectFrom('runs')
    .where('id', 'in', runIds)
    .select((run) => [
      'id',
      'status',
      run
        .selectFrom('run_events')
        .whereRef('run_events.organization_id', '=', 'runs.organization_id')
        .whereRef('run_events.run_id', '=', 'runs.id')
        .select(sql<number>`coalesce(max(seq_last), 0)`.as('seq_last'))
        .as('seq_last'),
    ])
    .execute()
  return rows.map((row) => ({
    runId: row.id,
    seqLast: row.seq_last ?? 0,
    ended: row.status !== 'created' && row.status !== 'running',
  }))
}
