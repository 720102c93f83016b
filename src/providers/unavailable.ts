import type { Model } from '../domain/model.ts'
import { failureOf } from './classify-failure.ts'

/** Stands where a model's provider is not configured any more: each call says so. */
export function unavailableModel(handle: string): Model {
  const detail = `The provider of ${handle} is not configured on this server. Set its key or address and restart, or choose another model for the agent.`
  return {
    // biome-ignore lint/correctness/useYield: the contract is a stream; this one has nothing to show.
    async *stream() {
      return { ok: false, failure: failureOf('not_found', detail), trace: null }
    },
    preview: async () => ({ error: detail }),
  }
}
