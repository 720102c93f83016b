import type { ModelFailure } from '../domain/failure.ts'
import type { Message } from '../domain/message.ts'
import type { Withheld } from '../domain/withheld.ts'
import type { LoopState } from './state.ts'

/** Refusals that something in the conversation may be the reason of. */
const BY_CONTENT = new Set<ModelFailure['kind']>(['bad_request', 'unprocessable'])

/** All that the model does not get to read, what is being tried included. */
export function withheldOf({ scope, trial }: LoopState): Withheld {
  return trial ?? scope.withheld
}

/**
 * A provider has refused a request: the next try leaves out the images that it has never taken before, the one after that
 * also the texts of such results. Undefined: there is nothing more to leave out, or that would not help.
 */
export function withholdMore(state: LoopState, failure: ModelFailure): LoopState | undefined {
  if (failure.ofAccount || !BY_CONTENT.has(failure.kind)) return undefined
  const held = withheldOf(state)
  const unproven = unprovenOf(state)
  const images = unproven.filter((message) => hasImage(message) && !held.images.includes(message.id))
  if (images.length > 0)
    return tried(state, { ...held, images: [...held.images, ...images.map(({ id }) => id)] })
  const results = unproven.filter(({ id, role }) => role === 'tool' && !held.results.includes(id))
  if (results.length === 0) return undefined
  return tried(state, { ...held, results: [...held.results, ...results.map(({ id }) => id)] })
}

function tried(state: LoopState, trial: Withheld): LoopState {
  return { ...state, trial }
}

/** The end of the context that no provider has taken yet. */
function unprovenOf({ scope, context, unsaved }: LoopState): Message[] {
  const count = scope.contextLength - 1 - scope.provenOrdinal + unsaved.length
  return count <= 0 ? [] : context.slice(-count)
}

function hasImage(message: Message): boolean {
  if (message.role === 'user') return message.content.some(({ type }) => type === 'image')
  if (message.role !== 'tool') return false
  return message.returns.some(
    ({ output }) => Array.isArray(output) && output.some(({ type }) => type === 'image'),
  )
}

/** What is tried for what stays in the context when the run fails: its own input leaves it. */
export function keptTrial(state: LoopState): Withheld | null {
  if (!state.trial) return null
  const leaving = new Set<string>(state.unsaved.map(({ id }) => id))
  const stays = (ids: Withheld['images']) => ids.filter((id) => !leaving.has(id))
  return { images: stays(state.trial.images), results: stays(state.trial.results) }
}
