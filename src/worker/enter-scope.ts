import { Fault } from '../domain/fault.ts'
import type { RunId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { areAnswered, deleteApproval } from '../store/approvals.ts'
import { getRequest } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import type { OpenApproval, ScopeFacts, ScopeKey } from '../store/scopes.ts'
import { checkAnswer, idsOf } from './check-answer.ts'
import { pendingApproval } from './conflicts.ts'
import { keepAliveMessage, type PreparedInput } from './prepare-input.ts'

/** How a request enters its scope: with its messages, or as the answer to the open approval. */
export type NewEntry =
  | { type: 'messages'; input: Message[] }
  | { type: 'answer'; input: Message[]; open: OpenApproval }
/** … or as one that is there already. */
export type Entry = NewEntry | { type: 'attach'; runId: RunId }

/** What of a request decides how it enters. */
export type Entering = { input: PreparedInput; request: Pick<TurnRequest, 'transport' | 'clientTools'> }

/** Faults: pending_approval while one is open, bad_request for an answer that does not fit. */
export async function enterScope(tx: Db, scope: ScopeKey, facts: ScopeFacts, send: Entering): Promise<Entry> {
  const { answer, messages } = send.input
  const open = facts.openApproval
  if (!answer) {
    if (open && send.request.transport !== 'async') throw pendingApproval(open.message_id)
    return { type: 'messages', input: messages }
  }
  if (open) {
    const message = checkAnswer(answer, open, send.request.clientTools)
    await deleteApproval(tx, scope.organization_id, scope.id)
    return { type: 'answer', input: [message, ...messages], open }
  }
  return enterRepeatedAnswer(tx, scope, facts, send, idsOf(answer.given))
}

/** An answer when nothing is open: somebody has answered already, and this goes on behind it; or it answers nothing. */
async function enterRepeatedAnswer(
  tx: Db,
  scope: ScopeKey,
  facts: ScopeFacts,
  send: Entering,
  ids: string[],
): Promise<Entry> {
  if (facts.activeRunId) {
    const active = await getRequest(tx, scope.organization_id, facts.activeRunId)
    const [first] = active.input
    const answered = first?.role === 'approval_response' ? first.answers.map(({ callId }) => callId) : []
    const isSame = ids.length > 0 && ids.every((id) => answered.includes(id))
    if (isSame && send.input.messages.length === 0) return { type: 'attach', runId: facts.activeRunId }
    if (isSame) return { type: 'messages', input: send.input.messages }
  }
  if (ids.length > 0 && (await areAnswered(tx, scope.organization_id, scope.id, ids))) {
    const { messages } = send.input
    return { type: 'messages', input: messages.length > 0 ? messages : [keepAliveMessage()] }
  }
  throw new Fault(
    'bad_request',
    'Cannot process approval response: No tool call is currently awaiting approval. If the approval was already processed, send a new message instead.',
  )
}
