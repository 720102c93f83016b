import type { RunId } from '../domain/id.ts'
import { readFollowed } from '../store/followed.ts'
import type { Db } from '../store/schema.ts'
import type { Observe } from './observation.ts'
import type { RunHub } from './run-hub.ts'

const POLL_MS = 1_000

/**
 * Looks once a second, with one statement, how far the logs of all followed runs have come, and wakes the readers of
 * those that grew: runs that another process drives, and whatever a lost hint would have left asleep.
 */
export function startFollowPoll(deps: { db: Db; hub: RunHub; observe: Observe }): () => void {
  const seen = new Map<RunId, string>()
  let busy = false

  async function poll(): Promise<void> {
    const followed = deps.hub.followed()
    for (const runId of seen.keys()) if (!followed.includes(runId)) seen.delete(runId)
    if (followed.length === 0 || busy) return
    busy = true
    try {
      for (const { runId, seqLast, ended } of await readFollowed(deps.db, followed)) {
        const state = `${seqLast}${ended}`
        if (seen.get(runId) !== state) deps.hub.hint(runId)
        seen.set(runId, state)
      }
    } catch (error) {
      deps.observe({ type: 'database_trouble', what: 'following runs', error })
    } finally {
      busy = false
    }
  }

  const timer = setInterval(() => void poll(), POLL_MS)
  return () => clearInterval(timer)
}
