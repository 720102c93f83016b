import type { RunId } from '../domain/id.ts'
import { readFollowed } from '../store/followed.ts'
import type { Db } from '../store/schema.ts'
import type { Neighbours } from './neighbours.ts'
import type { Observe } from './observation.ts'
import type { RunHub } from './run-hub.ts'

/** How often to look when notices of other processes arrive, and when they do not. */
const POLL_MS = 1_000
const DEAF_POLL_MS = 150

/**
 * Looks once a second, with one statement, how far the logs of all followed runs have come, and wakes the readers of
 * those that grew: runs that another process drives, and whatever a lost hint would have left asleep. More often while no
 * hints come at all.
 */
export function startFollowPoll(
  deps: { db: Db; hub: RunHub; observe: Observe },
  neighbours: Pick<Neighbours, 'hears'>,
): () => void {
  const seen = new Map<RunId, string>()
  let timer: NodeJS.Timeout

  async function poll(): Promise<void> {
    const followed = deps.hub.followed()
    for (const runId of seen.keys()) if (!followed.includes(runId)) seen.delete(runId)
    if (followed.length === 0) return
    try {
      for (const { runId, seqLast, ended } of await readFollowed(deps.db, followed)) {
        const state = `${seqLast}${ended}`
        if (seen.get(runId) !== state) deps.hub.hint(runId)
        seen.set(runId, state)
      }
    } catch (error) {
      deps.observe({ type: 'database_trouble', what: 'following runs', error })
    }
  }

  let stopped = false
  async function turn(): Promise<void> {
    await poll()
    if (!stopped) again()
  }
  function again(): void {
    timer = setTimeout(() => void turn(), neighbours.hears ? POLL_MS : DEAF_POLL_MS)
  }
  again()
  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
