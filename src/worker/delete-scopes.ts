import type { Actor } from '../domain/actor.ts'
import type { AgentId, ConversationId } from '../domain/id.ts'
import { deleteAgent } from '../store/agents.ts'
import { deleteConversation } from '../store/conversations.ts'
import { deleteGroupsOf } from '../store/groups.ts'
import { readActiveRuns } from '../store/run-lists.ts'
import type { Db } from '../store/schema.ts'
import { lockScope, lockScopesOf } from '../store/scopes.ts'
import { inTransaction } from '../store/transaction.ts'
import type { EngineDeps } from './deps.ts'
import { endRunInTx } from './end-run.ts'
import { CANCELLED, type Settlement } from './settle.ts'
import type { Worker } from './worker.ts'

/**
 * Deletes an agent and cancels what it does or will do, in one transaction: there is no moment in which a run of it could
 * begin that nobody would end. Its rows are purged later. Faults: not_found.
 */
export async function removeAgent(
  deps: EngineDeps,
  worker: Worker,
  actor: Actor,
  id: AgentId,
): Promise<void> {
  const ended = await inTransaction(deps.db, (tx) => removeInTx(tx, deps, actor, id))
  for (const settlement of ended) worker.tellEnded(settlement)
}

/** Whoever tends the agent's memory goes with it. */
async function removeInTx(tx: Db, deps: EngineDeps, actor: Actor, id: AgentId): Promise<Settlement[]> {
  await lockScopesOf(tx, actor.organizationId, id)
  const settlements = await endRuns(tx, deps, actor, { agentId: id })
  const partners = await deleteGroupsOf(tx, actor.organizationId, id)
  await deleteAgent(tx, actor, id)
  for (const partner of partners) settlements.push(...(await removeInTx(tx, deps, actor, partner)))
  return settlements
}

/** The same for one conversation. Faults: not_found. */
export async function removeConversation(
  deps: EngineDeps,
  worker: Worker,
  actor: Actor,
  id: ConversationId,
): Promise<void> {
  const ended = await inTransaction(deps.db, async (tx) => {
    await lockScope(tx, actor.organizationId, id)
    const settlements = await endRuns(tx, deps, actor, { conversationId: id })
    await deleteConversation(tx, actor.organizationId, id)
    return settlements
  })
  for (const settlement of ended) worker.tellEnded(settlement)
}

async function endRuns(
  tx: Db,
  deps: EngineDeps,
  { organizationId }: Actor,
  of: Parameters<typeof readActiveRuns>[2],
): Promise<Settlement[]> {
  const settlements: Settlement[] = []
  for (const run of await readActiveRuns(tx, organizationId, of)) {
    const settlement = await endRunInTx(tx, deps, run, 'cancelled', CANCELLED, { keepTurn: true })
    if (settlement) settlements.push(settlement)
  }
  return settlements
}
