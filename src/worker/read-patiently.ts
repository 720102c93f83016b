import { setTimeout as sleep } from 'node:timers/promises'
import { isPassing } from '../store/transaction.ts'

const RETRY_MS = 200
/** How long whoever waits for a run waits for a database that is away; a restart takes seconds. */
const PATIENCE_MS = 60_000

/** Reads again while the database is away: its trouble is not the run's, and nothing that a reader should hear of. */
export async function readPatiently<Found>(
  read: () => Promise<Found>,
  signal: AbortSignal = NEVER,
): Promise<Found> {
  const start = performance.now()
  while (true) {
    try {
      return await read()
    } catch (error) {
      const isOver = signal.aborted || performance.now() - start > PATIENCE_MS
      if (isOver || !isPassing(error)) throw error
      await sleep(RETRY_MS)
    }
  }
}

const NEVER = new AbortController().signal
