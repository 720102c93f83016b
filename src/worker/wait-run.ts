import { endsStream } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Run } from '../domain/run.ts'
import { getRun } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { followRun } from './follow-run.ts'
import type { RunHub } from './run-hub.ts'

/**
 * The run once it has ended. Waiting is following without looking: there is one path. Undefined: `signal` came first.
 * Faults: not_found, also when the run is deleted meanwhile.
 */
export async function waitForRun(
  deps: { db: Db; hub: RunHub },
  organizationId: OrganizationId,
  runId: RunId,
  signal: AbortSignal,
): Promise<Run | undefined> {
  for await (const { frame } of followRun(deps, organizationId, runId, 0, signal)) {
    if (endsStream(frame)) break
  }
  return signal.aborted ? undefined : getRun(deps.db, organizationId, runId)
}
