import type { ScopeContext } from '../store/scope-contexts.ts'
import { contextCheck, type Mended, type Place } from './context-check.ts'

/** Calls in a context without a result, though no run is at work and nobody is asked: the model would wait for ever. */
export const danglingCalls = contextCheck('dangling-calls', 'Tool calls without a result', mend)

export function mend(context: ScopeContext): Mended {
  const answered = new Set(context.members.flatMap(({ answers }) => answers))
  const flaws: string[] = []
  const places = context.members.flatMap((member, index): Place[] => {
    const missing = member.calls.filter(({ id }) => !answered.has(id))
    if (missing.length === 0 || context.isBusy || isHeld(context, index)) return [member]
    flaws.push(`${missing.map(({ id, name }) => `${name} (${id})`).join(', ')} has no result`)
    return [member, { missing, behind: member }]
  })
  return { places, flaws }
}

/** Calls of an open request wait, and so do those of the same answer that stand before it. */
function isHeld(context: ScopeContext, index: number): boolean {
  const request = context.members.findIndex(({ messageId }) => messageId === context.openRequestId)
  return request !== -1 && index >= request - 1
}
