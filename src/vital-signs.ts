import type pg from 'pg'
import type { Engine } from './engine.ts'
import type { Db } from './store/schema.ts'
import { countDueJobs, countUnfinished, sizeOfEvents } from './store/vital-signs.ts'
import type { GaugeName, Reading } from './telemetry/meters.ts'

export type Watched = { engine: Engine; pool: pg.Pool; db: Db; slotsMax: number }

/** How the server is doing at this moment. What only the database knows is left out while it cannot be asked. */
export async function readVitalSigns(watched: Watched): Promise<Reading[]> {
  return [...ownSigns(watched), ...(await databaseSigns(watched.db).catch(() => []))]
}

function ownSigns({ engine, pool, slotsMax }: Watched): Reading[] {
  const { foreground, background } = engine.worker.activeCounts
  return [
    signOf('runs_driven_foreground', foreground),
    signOf('runs_driven_background', background),
    signOf('run_slots', slotsMax),
    signOf('streams_open', engine.deps.hub.openCount),
    signOf('database_connections', pool.totalCount - pool.idleCount, { state: 'in_use' }),
    signOf('database_connections', pool.idleCount, { state: 'idle' }),
    signOf('database_waiters', pool.waitingCount),
  ]
}

async function databaseSigns(db: Db): Promise<Reading[]> {
  const [runs, jobs, logBytes] = await Promise.all([countUnfinished(db), countDueJobs(db), sizeOfEvents(db)])
  return [
    signOf('runs_active', runs.waiting, { status: 'waiting' }),
    signOf('runs_active', runs.ready, { status: 'ready' }),
    signOf('runs_active', runs.running, { status: 'running' }),
    signOf('approvals_open', runs.approvals),
    signOf('turn_queue_depth', runs.waiting),
    signOf('run_event_log_bytes', logBytes),
    ...jobs.flatMap(({ queue, jobs: count, lagS }) => [
      signOf('jobs_queued', count, { queue }),
      signOf('job_lag_seconds', lagS, { queue }),
    ]),
  ]
}

export function signOf(gauge: GaugeName, value: number, labels: Record<string, string> = {}): Reading {
  return { gauge, value, labels }
}
