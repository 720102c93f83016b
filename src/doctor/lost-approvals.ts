import type { ConversationId } from '../domain/id.ts'
import { deleteApproval } from '../store/approvals.ts'
import { readLostApprovals } from '../store/broken-runs.ts'
import { lockScope } from '../store/scopes.ts'
import type { Check } from './check.ts'

/** An open approval that nobody can answer any more keeps its conversation closed. */
export const lostApprovals: Check = {
  name: 'lost-approvals',
  about: 'Open approvals that nobody can answer',
  async find(db) {
    const found = await readLostApprovals(db)
    return found.map(({ organizationId, conversationId, why }) => ({
      organizationId,
      subject: conversationId,
      text: `waits for an answer, but ${why}`,
    }))
  },
  async repair(_deps, tx, { organizationId, subject }) {
    const conversationId = subject as ConversationId
    await lockScope(tx, organizationId, conversationId, true)
    const [found] = await readLostApprovals(tx, { organizationId, conversationId })
    if (!found) return undefined
    await deleteApproval(tx, organizationId, conversationId)
    return { undo: [{ kind: 'row', table: 'open_approvals', row: found.row }] }
  },
}
