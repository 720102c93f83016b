import { readForgotten } from '../store/broken-runs.ts'
import { lockScope } from '../store/scopes.ts'
import { handTurnOn } from '../store/settle-run.ts'
import type { Check } from './check.ts'

/** A run waits for a turn that is free: nobody will ever start it. */
export const forgottenRuns: Check = {
  name: 'forgotten-runs',
  about: 'Runs that wait for a turn that is free',
  async find(db) {
    const found = await readForgotten(db)
    return found.map(({ organizationId, runId, conversationId }) => ({
      organizationId,
      subject: runId,
      text: `waits for the turn of ${conversationId}, which nobody has`,
    }))
  },
  async repair({ queue }, tx, { organizationId, subject }) {
    const [found] = (await readForgotten(tx)).filter(({ runId }) => runId === subject)
    if (!found) return undefined
    await lockScope(tx, organizationId, found.conversationId)
    const runId = await handTurnOn(tx, organizationId, found.conversationId)
    if (!runId) return undefined
    await queue.enqueueDrive(tx, { organizationId, runId }, true)
    // Once it is driven there is nothing to take back.
    return { undo: null }
  },
}
