import type { AgentId, ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import { compilePrompt } from '../loop/prompt/compile-prompt.ts'
import { deleteApproval } from '../store/approvals.ts'
import { findPromptId, replaceContext, saveWithheld } from '../store/contexts.ts'
import {
  copyIsolated,
  createConversation,
  forkableIds,
  type NewConversation,
  startContext,
} from '../store/conversations.ts'
import { readPicture } from '../store/pictures.ts'
import type { Db } from '../store/schema.ts'
import { lockScope, readScopeFacts, type ScopeRow } from '../store/scopes.ts'
import { handTurnOn } from '../store/settle-run.ts'
import { inTransaction } from '../store/transaction.ts'
import { conversationBusy } from './conflicts.ts'
import { storePrompt, systemMessage } from './store-prompt.ts'

/** What is done to a scope outside a turn: each one transaction under the scope's lock, and busy while a turn is on. */
type ScopeName = { organizationId: OrganizationId; agentId: AgentId; conversationId: ConversationId }

/** The system prompt as it is compiled now; stored unless it is a dry run. Faults: conversation_busy, not_found. */
export async function recompile(db: Db, name: ScopeName, isDry: boolean): Promise<string> {
  return inTransaction(db, async (tx) => {
    const scope = await lockScope(tx, name.organizationId, name.conversationId)
    if (!isDry) await refuseWhileBusy(tx, scope)
    const picture = await readPicture(tx, name.organizationId, name.agentId, name.conversationId)
    const compiled = compilePrompt({ agent: picture.agent, scope: picture.scope, now: new Date() })
    if (!isDry) await storePrompt(tx, scope, compiled)
    return compiled.text
  })
}

/**
 * The context is the system message again; the history stays. An open approval is gone with it, and whoever waited behind
 * it has the turn: that run is returned, to be driven.
 */
export async function resetContext(db: Db, name: ScopeName): Promise<RunId | undefined> {
  return inTransaction(db, async (tx) => {
    const scope = await lockScope(tx, name.organizationId, name.conversationId)
    await refuseWhileBusy(tx, scope)
    const systemId = await findPromptId(tx, scope)
    await deleteApproval(tx, name.organizationId, name.conversationId)
    await replaceContext(tx, scope, systemId ? [systemId] : [], { stored: 0, contextTokens: 0 })
    const fresh = await lockScope(tx, name.organizationId, name.conversationId)
    const picture = await readPicture(tx, name.organizationId, name.agentId, name.conversationId)
    await storePrompt(
      tx,
      fresh,
      compilePrompt({ agent: picture.agent, scope: picture.scope, now: new Date() }),
    )
    return handTurnOn(tx, name.organizationId, name.conversationId)
  })
}

async function refuseWhileBusy(tx: Db, scope: ScopeRow): Promise<void> {
  const { activeRunId } = await readScopeFacts(tx, scope)
  if (activeRunId) throw conversationBusy(activeRunId)
}

/** A conversation with its first message compiled, all or nothing. */
export async function openConversation(db: Db, created: NewConversation): Promise<ConversationId> {
  return inTransaction(db, async (tx) => {
    const id = await createConversation(tx, created)
    await begin(tx, { ...created, conversationId: id }, [])
    return id
  })
}

/**
 * A new conversation that starts with what another one has in its context. It works at any moment: what is copied is what
 * the last commit left, and an open approval stays where it is. `copiesIsolated`: with copies of its own blocks.
 */
export async function forkConversation(
  db: Db,
  source: ScopeName,
  userId: string,
  copiesIsolated: boolean,
): Promise<ConversationId> {
  return inTransaction(db, async (tx) => {
    const scope = await lockScope(tx, source.organizationId, source.conversationId)
    const shared = await forkableIds(tx, scope)
    const id = await createConversation(tx, {
      organizationId: source.organizationId,
      agentId: source.agentId,
      userId,
      summary: null,
      model: scope.model,
      modelSettings: scope.model_settings,
      messagePolicy: scope.message_policy,
      isolatedLabels: [],
    })
    if (copiesIsolated) await copyIsolated(tx, source.organizationId, source.conversationId, id)
    await begin(tx, { ...source, conversationId: id }, shared)
    if (scope.withheld) await saveWithheld(tx, { organization_id: source.organizationId, id }, scope.withheld)
    return id
  })
}

async function begin(tx: Db, name: ScopeName, shared: Message['id'][]): Promise<void> {
  const scope = await lockScope(tx, name.organizationId, name.conversationId)
  const picture = await readPicture(tx, name.organizationId, name.agentId, name.conversationId)
  const compiled = compilePrompt({ agent: picture.agent, scope: picture.scope, now: new Date() })
  await startContext(tx, scope, systemMessage(compiled.text), shared, compiled)
}
