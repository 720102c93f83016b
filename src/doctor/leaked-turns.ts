import type { RunId } from '../domain/id.ts'
import { readTurnsOfEnded, takeTurn } from '../store/broken-runs.ts'
import { lockScope } from '../store/scopes.ts'
import type { Check } from './check.ts'

/** A run that has ended keeps its conversation's turn: nothing can be sent there any more. */
export const leakedTurns: Check = {
  name: 'leaked-turns',
  about: 'Ended runs that keep the turn of their conversation',
  async find(db) {
    const found = await readTurnsOfEnded(db)
    return found.map(({ organizationId, runId, conversationId, status }) => ({
      organizationId,
      subject: runId,
      text: `is ${status} and has the turn of ${conversationId}`,
    }))
  },
  async repair(_deps, tx, { organizationId, subject }) {
    const [found] = (await readTurnsOfEnded(tx)).filter(({ runId }) => runId === subject)
    if (!found) return undefined
    await lockScope(tx, organizationId, found.conversationId, true)
    const undo = await takeTurn(tx, organizationId, subject as RunId)
    return undo && { undo: [undo] }
  },
}
