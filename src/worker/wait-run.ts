import type { RunError } from '../domain/failure.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Run } from '../domain/run.ts'
import { getRun } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { followRun } from './follow-run.ts'
import { readPatiently } from './read-patiently.ts'
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
): Promise<EndedRun | undefined> {
  let error: RunError | null = null
  for await (const frames of followRun(deps, organizationId, runId, 0, signal)) {
    for (const { frame } of frames) if (frame.kind === 'error') error = frame.error
  }
  if (signal.aborted) return undefined
  return { run: await readPatiently(() => getRun(deps.db, organizationId, runId), signal), error }
}

/** `error` says more than the run's row: which kind of model failure it was. */
export type EndedRun = { run: Run; error: RunError | null }
