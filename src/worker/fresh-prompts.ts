import type { OrganizationId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import { compilePrompt, promptBasis } from '../loop/prompt/compile-prompt.ts'
import { readPromptPictures } from '../store/pictures.ts'
import type { Db } from '../store/schema.ts'

/**
 * Stored messages, with each system message as its agent would read it now: a change of a block or a rule writes no
 * message, and whoever reads one compiles it. An agent whose prompt is refreshed only on demand keeps what it has.
 */
export async function withFreshPrompts(
  db: Db,
  organizationId: OrganizationId,
  messages: Message[],
): Promise<Message[]> {
  const ids = messages.flatMap(({ id, role }) => (role === 'system' ? [id] : []))
  if (ids.length === 0) return messages
  const texts = new Map<string, string>()
  for (const { messageId, agent, scope } of await readPromptPictures(db, organizationId, ids)) {
    if (scope.promptBasis === promptBasis(agent)) continue
    if (agent.promptRefresh === 'deferred' && scope.promptBasis !== null) continue
    texts.set(messageId, compilePrompt({ agent, scope, now: new Date() }).text)
  }
  return messages.map((message) => {
    const text = texts.get(message.id)
    return message.role === 'system' && text !== undefined
      ? { ...message, content: [{ type: 'text', text }] }
      : message
  })
}
