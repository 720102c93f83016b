import type { MessageId } from '../domain/id.ts'
import { type Message, newHead } from '../domain/message.ts'
import { timestampNow } from '../lib/clock.ts'
import { type CompiledPrompt, compilePrompt } from '../loop/prompt/compile-prompt.ts'
import { findPromptId, findSystemMessageId, readContextIds, replaceContext } from '../store/contexts.ts'
import { insertMessages, updateSystemMessage } from '../store/messages.ts'
import { type Picture, readPicture } from '../store/pictures.ts'
import type { Db } from '../store/schema.ts'
import { type ScopeRow, savePromptBasis } from '../store/scopes.ts'

/** Writes a scope's prompt into its system message, under the scope's lock. A context that has none in front gets it. */
export async function storePrompt(tx: Db, scope: ScopeRow, compiled: CompiledPrompt): Promise<void> {
  const id = (await findSystemMessageId(tx, scope)) ?? (await putInFront(tx, scope, compiled.text))
  await updateSystemMessage(tx, scope.organization_id, id, compiled.text)
  await savePromptBasis(tx, scope, compiled.basis)
}

/** The system message that the history has, or a new one. */
async function putInFront(tx: Db, scope: ScopeRow, text: string): Promise<MessageId> {
  const known = await findPromptId(tx, scope)
  const id = known ?? (await insertSystem(tx, scope, text))
  const ids = new Set([id, ...(await readContextIds(tx, scope))])
  await replaceContext(tx, scope, [...ids], { stored: known ? 0 : 1 })
  return id
}

async function insertSystem(tx: Db, scope: ScopeRow, text: string): Promise<MessageId> {
  const owner = { organizationId: scope.organization_id, agentId: scope.agent_id, conversationId: scope.id }
  const message = systemMessage(text)
  await insertMessages(tx, owner, [message])
  return message.id
}

/**
 * Gives a context without a system message its own back, under the scope's lock. Earlier versions let a change of
 * `message_ids` leave it out, and such agents must go on.
 */
export async function mendPrompt(tx: Db, scope: ScopeRow): Promise<void> {
  if (await findSystemMessageId(tx, scope)) return
  const picture = await readPicture(tx, scope.organization_id, scope.agent_id, scope.id)
  await storePrompt(tx, scope, compilePrompt({ ...picture, now: new Date() }))
}

/** A context as it is once it is mended, for who only looks at it. */
export function asMended(context: Message[], { agent, scope }: Picture): Message[] {
  if (context[0]?.role === 'system') return context
  return [systemMessage(compilePrompt({ agent, scope, now: new Date() }).text), ...context]
}

export function systemMessage(text: string): Message {
  return {
    ...newHead(timestampNow()),
    role: 'system',
    content: [{ type: 'text', text }],
  }
}
