import type { ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import { readScopeFacts } from '../store/scopes.ts'
import { conversationBusy, outcomeOf } from './conflicts.ts'
import type { EngineDeps } from './deps.ts'
import type { Worker } from './worker.ts'

/** A run whose caller waits, and its conversation. */
export type Waiting = { organizationId: OrganizationId; conversationId: ConversationId; runId: RunId }

/** Takes a run back that has not had its turn when its caller has waited long enough. Returns how to leave it alone. */
export function withdrawLater(deps: EngineDeps, worker: Worker, waiting: Waiting): () => void {
  const { observe, settings } = deps
  const timer = setTimeout(() => {
    withdraw(deps, worker, waiting).catch((error: unknown) => {
      observe({ type: 'database_trouble', what: `withdrawing ${waiting.runId}`, error })
    })
  }, settings.waitMs)
  timer.unref()
  return () => clearTimeout(timer)
}

/** False: it has its turn, or has ended. The caller is told which run was in its way. */
export async function withdraw(
  { db }: Pick<EngineDeps, 'db'>,
  worker: Worker,
  { organizationId, conversationId, runId }: Waiting,
): Promise<boolean> {
  const { activeRunId } = await readScopeFacts(db, { organization_id: organizationId, id: conversationId })
  return worker.withdraw(organizationId, runId, outcomeOf(conversationBusy(activeRunId)))
}
