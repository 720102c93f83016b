import { setTimeout as sleep } from 'node:timers/promises'
import { type Postmaster, type Setup, startPostmaster } from './postmaster.ts'

export type Kept = {
  /** Of the server that runs now. */
  readonly pid: number
  stop(): Promise<void>
}

const PAUSE_MS_MAX = 5_000

/**
 * Starts the server, and starts it again at the same address when it ends without having been asked to. Meanwhile its
 * users see what they see when any database restarts: lost connections, then refused ones, then it is back.
 */
export async function keepRunning(setup: Setup): Promise<Kept> {
  let running: Postmaster = await startPostmaster(setup)
  const stopping = new AbortController()
  const watch = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      await running.ended
      if (stopping.signal.aborted) return
      setup.observe('the server ended without having been asked to; it is started again')
      running = (await restart(setup, stopping.signal)) ?? running
    }
  }
  const watching = watch()

  return {
    get pid() {
      return running.pid
    },
    async stop() {
      stopping.abort()
      await running.stop()
      await watching
      // A restart that was under way when the stop came.
      await running.stop()
    },
  }
}

/** Tries until it succeeds or is no longer wanted. */
async function restart(setup: Setup, unwanted: AbortSignal): Promise<Postmaster | undefined> {
  for (let pauseMs = 100; !unwanted.aborted; pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)) {
    try {
      return await startPostmaster(setup)
    } catch (error) {
      setup.observe(error instanceof Error ? error.message : String(error))
      await sleep(pauseMs, undefined, { signal: unwanted }).catch(() => undefined)
    }
  }
  return undefined
}
