import type { RunId } from '../domain/id.ts'
import { readAbandoned } from '../store/broken-runs.ts'
import { endRunFromOutside } from '../worker/end-run.ts'
import type { Check } from './check.ts'

/** A run has not ended though its agent or conversation is deleted: nobody will drive it. */
export const abandonedRuns: Check = {
  name: 'abandoned-runs',
  about: 'Unfinished runs of deleted agents and conversations',
  async find(db) {
    const found = await readAbandoned(db)
    return found.map(({ organizationId, runId, status }) => ({
      organizationId,
      subject: runId,
      text: `is ${status}, and its agent or conversation is deleted`,
    }))
  },
  async repair(deps, tx, { organizationId, subject }) {
    const outcome = { stopReason: 'cancelled' as const, error: null }
    const inTx = { ...deps, db: tx, settings: { trackLastRun: false } }
    const ended = await endRunFromOutside(inTx, organizationId, subject as RunId, 'cancelled', outcome)
    return ended && { undo: null }
  },
}
