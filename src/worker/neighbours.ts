import type { RunId } from '../domain/id.ts'
import { listenForNotices, sendNotice } from '../store/notices.ts'
import { countLiveProcesses } from '../store/processes.ts'
import type { Db } from '../store/schema.ts'
import type { Observe } from './observation.ts'
import type { RunHub } from './run-hub.ts'

/** News of many runs go out together. */
const GATHER_MS = 20
/** How often to look whether other processes live, in milliseconds: nobody is told anything while there are none. */
const COUNT_MS = 2_000

export type Neighbours = {
  /** Whether this process hears of the others' runs at once; else it must look. */
  readonly hears: boolean
  /** Whether there are others. */
  readonly any: boolean
  stop(): Promise<void>
}

export type NeighbourParts = {
  db: Db
  hub: RunHub
  observe: Observe
  connectionString: string
  self: string
  /** Of runs that are driven here: somebody may have ended them. */
  onNews(runs: RunId[]): void
}

/** Tells the other processes of the database when a run that is driven here has news, and hears the same from them. */
export function meetNeighbours({
  db,
  hub,
  observe,
  connectionString,
  self,
  onNews,
}: NeighbourParts): Neighbours {
  let hears = false
  let said = false
  let any = false
  let gathered = new Set<RunId>()
  let sending: NodeJS.Timeout | undefined

  const stopListening = listenForNotices(connectionString, self, {
    onRuns(runs) {
      for (const runId of runs) hub.hint(runId)
      onNews(runs)
    },
    onHearing(now) {
      // What was told in between is in the log.
      if (now && !hears) for (const runId of hub.followed()) hub.hint(runId)
      if (!now && hears && !said)
        observe({ type: 'notice', text: 'Notices of other servers do not arrive: looking for news instead.' })
      said ||= !now && hears
      hears = now
    },
  })

  function send(): void {
    sending = undefined
    const runs = [...gathered]
    gathered = new Set()
    sendNotice(db, self, runs).catch((error: unknown) =>
      observe({ type: 'database_trouble', what: 'telling other servers of runs', error }),
    )
  }

  hub.onStored((runIds) => {
    if (!any) return
    for (const runId of runIds) gathered.add(runId)
    sending ??= setTimeout(send, GATHER_MS)
  })

  async function count(): Promise<void> {
    any = (await countLiveProcesses(db)) > 1
  }
  const look = () => void count().catch(() => undefined)
  const counting = setInterval(look, COUNT_MS)
  look()

  return {
    get hears() {
      return hears
    },
    get any() {
      return any
    },
    async stop() {
      clearInterval(counting)
      clearTimeout(sending)
      await stopListening()
    },
  }
}
