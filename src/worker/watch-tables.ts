import { analyzeNewTables } from '../store/statistics.ts'
import type { EngineDeps } from './deps.ts'

const LOOK_MS = 2_000

/**
 * Looks after runs whether the tables have begun to fill, until the planner knows them. `drivenCount`: runs driven so far.
 * Returns how to stop it.
 */
export function watchTables(
  { db, observe }: Pick<EngineDeps, 'db' | 'observe'>,
  drivenCount: () => number,
): () => void {
  let seen = 0
  let looking = false
  const timer = setInterval(() => void look(), LOOK_MS).unref()
  const stop = () => clearInterval(timer)

  async function look(): Promise<void> {
    if (looking || drivenCount() === seen) return
    looking = true
    seen = drivenCount()
    try {
      if (await analyzeNewTables(db)) stop()
    } catch (error) {
      observe({ type: 'database_trouble', what: 'analysing new tables', error })
    } finally {
      looking = false
    }
  }

  return stop
}
