import type { ScopeContext } from '../store/scope-contexts.ts'
import { contextCheck, type Mended } from './context-check.ts'

/** Results in a context whose call is not before them: providers refuse such a history. */
export const orphanedReturns = contextCheck('orphaned-returns', 'Tool results without their calls', mend)

export function mend(context: ScopeContext): Mended {
  const called = new Set<string>()
  const flaws: string[] = []
  const places = context.members.filter((member) => {
    for (const { id } of member.calls) called.add(id)
    // A message that answers at least one call stays; what else is in it is left out when a prompt is made.
    if (member.role !== 'tool' || member.answers.some((id) => called.has(id))) return true
    flaws.push(`${member.messageId} answers calls that are not in the context`)
    return false
  })
  return { places, flaws }
}
