import type pg from 'pg'
import type { Engine } from './engine.ts'
import type { Db } from './store/schema.ts'
import { countDueJobs, countUnfinished } from './store/vital-signs.ts'
import type { GaugeName, Reading } from './telemetry/meters.ts'

export type Watched = { engine: Engine; pool: pg.Pool; db: Db; slotsMax: number }

/** How the server is doing at this moment. What only the database knows is left out while it cannot be asked. */
export async function readVitalSigns(watched: Watched): Promise<Reading[]> {
  return [...ownSigns(watched), ...(await databaseSigns(watched.db).catch(() => []))]
}

function ownSigns({ engine, pool, slotsMax }: Watched): Reading[] {
  const { foreground, background } = engine.worker.activeCounts
  return [
    of('runs_driven', foreground, { route_class: 'foreground' }),
    of('runs_driven', background, { route_class: 'background' }),
    of('run_slots', slotsMax),
    of('streams_open', engine.deps.hub.openCount),
    of('database_connections', pool.totalCount - pool.idleCount, { state: 'in_use' }),
    of('database_connections', pool.idleCount, { state: 'idle' }),
    of('database_waiters', pool.waitingCount),
  ]
}

async function databaseSigns(db: Db): Promise<Reading[]> {
  const [runs, jobs] = await Promise.all([countUnfinished(db), countDueJobs(db)])
  return [
    of('runs_active', runs.waiting, { status: 'waiting' }),
    of('runs_active', runs.ready, { status: 'ready' }),
    of('runs_active', runs.running, { status: 'running' }),
    of('approvals_open', runs.approvals),
    ...jobs.flatMap(({ queue, jobs: count, lagS }) => [
      of('jobs_queued', count, { queue }),
      of('job_lag_seconds', lagS, { queue }),
    ]),
  ]
}

function of(gauge: GaugeName, value: number, labels: Record<string, string> = {}): Reading {
  return { gauge, value, labels }
}
