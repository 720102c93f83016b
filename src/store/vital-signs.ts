import { sql } from 'kysely'
import type { Db } from './schema.ts'

/** How many runs have not ended: waiting for their turn, for a driver, or being driven; and what waits for an answer. */
export async function countUnfinished(
  db: Db,
): Promise<{ waiting: number; ready: number; running: number; approvals: number }> {
  const { rows } = await sql<{ waiting: number; ready: number; running: number; approvals: number }>`
    select
      count(*) filter (where status = 'created' and not holds_turn) as waiting,
      count(*) filter (where status = 'created' and holds_turn) as ready,
      count(*) filter (where status = 'running') as running,
      (select count(*) from open_approvals) as approvals
    from runs where status in ('created', 'running')
  `.execute(db)
  return rows[0] ?? { waiting: 0, ready: 0, running: 0, approvals: 0 }
}

/** Jobs of each queue that could be worked on now, and for how long the oldest has waited, in seconds. */
export async function countDueJobs(db: Db): Promise<{ queue: string; jobs: number; lagS: number }[]> {
  const { rows } = await sql<{ queue: string; jobs: number; lagS: number }>`
    select name as queue, count(*) as jobs, extract(epoch from now() - min(start_after)) as "lagS"
    from pgboss.job
    where state in ('created', 'retry') and start_after <= now() and name like 'perdure-%'
    group by name
  `.execute(db)
  return rows
}

/** Bytes on the disk of the streams that are kept, with their indexes. */
export async function sizeOfEvents(db: Db): Promise<number> {
  const { rows } = await sql<{ bytes: number }>`
    select pg_total_relation_size('run_events') as bytes`.execute(db)
  return rows[0]?.bytes ?? 0
}
