import { Fault, NO_RETRY } from '../domain/fault.ts'
import { isId, type OrganizationId, type RunId } from '../domain/id.ts'
import { readActiveRuns } from '../store/run-lists.ts'
import { findRun } from '../store/runs.ts'
import { findOpenApproval, type Target } from '../store/scopes.ts'
import { CANCELLED } from '../worker/settle.ts'
import type { HttpDeps } from './deps.ts'

/** Cancels runs by their ids. What has ended already counts as cancelled; `failed` says that there is no such run. */
export async function cancelRuns(
  deps: HttpDeps,
  organizationId: OrganizationId,
  runIds: string[],
): Promise<Record<string, 'cancelled' | 'failed'>> {
  const results = await Promise.all(
    runIds.map(async (runId) => [runId, await cancelOne(deps, organizationId, runId)] as const),
  )
  return Object.fromEntries(results)
}

async function cancelOne(
  deps: HttpDeps,
  organizationId: OrganizationId,
  runId: string,
): Promise<'cancelled' | 'failed'> {
  if (!isId('run', runId)) return 'failed'
  if (!(await findRun(deps.db, organizationId, runId))) return 'failed'
  await deps.engine.worker.end(organizationId, runId, CANCELLED)
  return 'cancelled'
}

/**
 * Cancels whatever goes on: the runs of an agent, or of one conversation, and the run that owns the approval which is
 * open there. Faults: conflict when there is nothing.
 */
export async function cancelAll(
  deps: HttpDeps,
  organizationId: OrganizationId,
  target: Target,
  scope: { of: 'agent' | 'conversation'; name: string },
): Promise<Record<string, 'cancelled' | 'failed'>> {
  const active = await readActiveRuns(
    deps.db,
    organizationId,
    scope.of === 'agent' ? { agentId: target.agentId } : { conversationId: target.conversationId },
  )
  const open = await findOpenApproval(deps.db, { organization_id: organizationId, id: target.conversationId })
  const runIds: RunId[] = [...active.map(({ id }) => id), ...(open ? [open.run_id] : [])]
  if (runIds.length === 0) {
    throw new Fault('conflict', `No active runs to cancel for ${scope.of} ${scope.name}`, {}, NO_RETRY)
  }
  return cancelRuns(deps, organizationId, [...new Set(runIds)])
}
