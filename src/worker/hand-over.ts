import type { Lease } from '../domain/run.ts'
import { releaseRuns } from '../store/leases.ts'
import { lockScope } from '../store/scopes.ts'
import { handTurnOn } from '../store/settle-run.ts'
import { inTransaction } from '../store/transaction.ts'
import type { LostTurn } from '../store/waiting.ts'
import type { EngineDeps } from './deps.ts'

/** Gives runs that are driven here to whoever comes first. They are not tried once more: nobody has died. */
export async function handOver(deps: Pick<EngineDeps, 'db' | 'queue'>, leases: Lease[]): Promise<void> {
  for (const { organizationId, runId, owner } of leases) {
    await inTransaction(deps.db, async (tx) => {
      await releaseRuns(tx, owner, [runId])
      await deps.queue.callForDriver(tx, { organizationId, runId })
    })
  }
}

/** Gives the free turn of a scope to the run that has waited longest. */
export async function giveTurn(
  deps: Pick<EngineDeps, 'db' | 'queue'>,
  { organizationId, conversationId }: LostTurn,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await lockScope(tx, organizationId, conversationId, true)
    const runId = await handTurnOn(tx, organizationId, conversationId)
    if (runId) await deps.queue.enqueueDrive(tx, { organizationId, runId }, true)
  })
}
