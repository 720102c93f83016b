import { systemTextOf } from './build-request.ts'
import { compilePrompt, promptBasis } from './prompt/compile-prompt.ts'
import type { LoopState } from './state.ts'

export type PromptUpdate = { text: string; basis: string }

/**
 * The system message as it should be now, when it is out of date; null: it stands. `deferred` agents keep theirs until
 * something compiles it explicitly, for the sake of the provider's prefix cache.
 */
export function promptUpdate(state: LoopState, now: Date, force = false): PromptUpdate | null {
  const fresh = state.scope.promptBasis === promptBasis(state.agent)
  if (!force && (fresh || (state.agent.promptRefresh === 'deferred' && state.scope.promptBasis !== null)))
    return null
  const compiled = compilePrompt({ agent: state.agent, scope: state.scope, now })
  return compiled.text === systemTextOf(state.context[0]) && fresh ? null : compiled
}

export function withPrompt(state: LoopState, update: PromptUpdate | null): LoopState {
  const [system, ...rest] = state.context
  if (!update || system?.role !== 'system') return state
  return { ...state, context: [{ ...system, content: [{ type: 'text', text: update.text }] }, ...rest] }
}
