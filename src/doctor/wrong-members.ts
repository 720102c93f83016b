import type { Member, ScopeContext } from '../store/scope-contexts.ts'
import { contextCheck, type Mended } from './context-check.ts'

/** Messages in a context that cannot be there: missing, deleted, refused, of another agent, or there twice. */
export const wrongMembers = contextCheck('wrong-members', 'Messages that do not belong into a context', mend)

export function mend(context: ScopeContext): Mended {
  const seen = new Set<string>()
  const flaws: string[] = []
  const places = context.members.filter((member) => {
    const why = seen.has(member.messageId) ? 'is there twice' : whyNot(member, context)
    seen.add(member.messageId)
    if (why) flaws.push(`${member.messageId} ${why}`)
    return why === undefined
  })
  return { places, flaws }
}

function whyNot(member: Member, context: ScopeContext): string | undefined {
  if (member.role === null) return 'does not exist'
  if (member.isDeleted) return 'is deleted'
  if (member.isErr) return 'is the input of a run that failed'
  if (member.agentId !== context.agentId) return `belongs to ${member.agentId}`
  return undefined
}
