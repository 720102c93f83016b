import type { RunId } from '../domain/id.ts'
import { NoticeListener, sendNotice } from '../store/notices.ts'
import { countLiveProcesses } from '../store/processes.ts'
import type { Db } from '../store/schema.ts'
import type { Observe } from './observation.ts'
import type { RunHub } from './run-hub.ts'

/** News of many runs go out together. */
const GATHER_MS = 20
/** How often to look whether other processes live, in milliseconds: nobody is told anything while there are none. */
const COUNT_MS = 2_000

export type NeighbourParts = {
  db: Db
  hub: RunHub
  observe: Observe
  /** Where notices are heard; null: behind a pooler nobody hears reliably. */
  listensAt: string | null
  self: string
  /** Of runs that are driven here: somebody may have ended them. */
  onNews(runs: RunId[]): void
}

/** Tells the other processes of the database when the log of a run that is driven here has grown, and hears the same. */
export class Neighbours {
  readonly #parts: NeighbourParts
  readonly #listener: NoticeListener | null
  #hears = false
  #saidDeaf = false
  #any = false
  #gathered = new Set<RunId>()
  #sending: NodeJS.Timeout | undefined
  #counting: NodeJS.Timeout | undefined

  constructor(parts: NeighbourParts) {
    this.#parts = parts
    const handlers = {
      onRuns: (runs: RunId[]) => this.#hear(runs),
      onHearing: (hears: boolean) => this.#setHears(hears),
    }
    this.#listener =
      parts.listensAt === null ? null : new NoticeListener(parts.listensAt, parts.self, handlers)
  }

  /** Whether this process hears of the others' runs at once; else it must look. */
  get hears(): boolean {
    return this.#hears
  }

  /** Whether there are others. */
  get any(): boolean {
    return this.#any
  }

  start(): void {
    if (this.#listener) this.#listener.start()
    else this.#setHears(false)
    this.#parts.hub.onStored((runIds) => this.#tell(runIds))
    const count = () => void this.#count()
    this.#counting = setInterval(count, COUNT_MS)
    count()
  }

  async stop(): Promise<void> {
    clearInterval(this.#counting)
    clearTimeout(this.#sending)
    await this.#listener?.stop()
  }

  #tell(runIds: RunId[]): void {
    if (!this.#any) return
    for (const runId of runIds) this.#gathered.add(runId)
    this.#sending ??= setTimeout(() => this.#send(), GATHER_MS)
  }

  #send(): void {
    const { db, self, observe } = this.#parts
    const runs = [...this.#gathered]
    this.#gathered = new Set()
    this.#sending = undefined
    sendNotice(db, self, runs).catch((error: unknown) =>
      observe({ type: 'database_trouble', what: 'telling other servers of runs', error }),
    )
  }

  #hear(runs: RunId[]): void {
    for (const runId of runs) this.#parts.hub.hint(runId)
    this.#parts.onNews(runs)
  }

  #setHears(hears: boolean): void {
    const { hub, observe } = this.#parts
    // What was told in between is in the log.
    if (hears && !this.#hears) for (const runId of hub.followed()) hub.hint(runId)
    if (!hears && !this.#saidDeaf) {
      this.#saidDeaf = true
      observe({ type: 'notice', text: 'Notices of other servers do not arrive: looking for news instead.' })
    }
    this.#hears = hears
  }

  async #count(): Promise<void> {
    try {
      this.#any = (await countLiveProcesses(this.#parts.db)) > 1
    } catch {
      // The next look will tell; the lease says that the database is away.
    }
  }
}
