import type { RunId } from '../domain/id.ts'
import { readAbandoned } from '../store/broken-runs.ts'
import { findRun } from '../store/runs.ts'
import { endRunInTx } from '../worker/end-run.ts'
import { CANCELLED } from '../worker/settle.ts'
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
    const run = await findRun(tx, organizationId, subject as RunId)
    const inTx = { ...deps, settings: { trackLastRun: false } }
    const ended = run && (await endRunInTx(tx, inTx, run, 'cancelled', CANCELLED))
    return ended && { undo: null }
  },
}
