import { sql } from 'kysely'
import { Fault } from '../domain/fault.ts'
import type { AgentId, MessageId, OrganizationId } from '../domain/id.ts'
import { deleteApproval } from './approvals.ts'
import { findPromptId, replaceContext } from './contexts.ts'
import type { Db } from './schema.ts'
import { getAgentTarget, lockScope, readScopeFacts } from './scopes.ts'
import { handTurnOn } from './settle-run.ts'

/**
 * Puts messages of an agent, in a given order, in the place of its default conversation's context. The system message
 * stays in front, named or not: without it the model would be sent neither the prompt nor the memory. An approval whose
 * request is not among them is no longer open, and whoever waits behind it has the turn. Faults: not_found for a message
 * that the agent does not have; conversation_busy while a turn goes on; bad_request when there is no system message.
 */
export async function setContext(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  ids: MessageId[],
): Promise<void> {
  const target = await getAgentTarget(tx, organizationId, agentId)
  const scope = await lockScope(tx, organizationId, target.conversationId)
  const { activeRunId, openApproval } = await readScopeFacts(tx, scope)
  if (activeRunId) {
    throw new Fault('conversation_busy', `The context of ${agentId} is in use by a run`, {
      run_id: activeRunId,
    })
  }
  const known = new Set(await readOwnIds(tx, organizationId, agentId, ids))
  const missing = ids.find((id) => !known.has(id))
  if (missing) throw new Fault('not_found', `Message with id ${missing} not found.`)
  const systemId = await findPromptId(tx, scope)
  if (!systemId) {
    throw new Fault(
      'bad_request',
      `Agent ${agentId} has no system message to begin its context with; reset its messages to get one`,
    )
  }
  await replaceContext(tx, scope, [...new Set([systemId, ...ids])], { stored: 0 })
  if (!openApproval || ids.includes(openApproval.message_id)) return
  await deleteApproval(tx, organizationId, scope.id)
  await handTurnOn(tx, organizationId, scope.id)
}

async function readOwnIds(db: Db, organizationId: OrganizationId, agentId: AgentId, ids: MessageId[]) {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
    .where('id', '=', sql<MessageId>`any(${ids})`)
    .select('id')
    .execute()
  return rows.map((row) => row.id)
}
