import type { RunError } from '../domain/failure.ts'
import type { RequestUsage } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Db } from '../store/schema.ts'
import { followRun } from './follow-run.ts'
import type { RunHub } from './run-hub.ts'

/**
 * What a run's end tells of it, once it has ended. Waiting is following without looking: there is one path. Undefined:
 * `signal` came first.
 */
export async function waitForRun(
  deps: { db: Db; hub: RunHub },
  organizationId: OrganizationId,
  runId: RunId,
  signal: AbortSignal,
): Promise<RunEnd | undefined> {
  const end: RunEnd = { error: null, usage: null }
  for await (const frames of followRun(deps, organizationId, runId, 0, signal)) {
    for (const { frame } of frames) {
      if (frame.kind === 'error') end.error = frame.error
      if (frame.kind === 'usage') end.usage = frame.usage
    }
  }
  return signal.aborted ? undefined : end
}

/**
 * `error` says more than the run's row: which kind of model failure it was. `usage` is null where the end was not told: the
 * run is deleted.
 */
export type RunEnd = { error: RunError | null; usage: RequestUsage | null }
