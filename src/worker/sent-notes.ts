import type { RunId } from '../domain/id.ts'
import { saveResponsesSent } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import type { Observe } from './observation.ts'

const WAIT_MS = 200

/** Remembers which answers went out whole, with one statement for all of a fifth of a second. */
export class SentNotes {
  readonly #db: Db
  readonly #observe: Observe
  #sent = new Set<RunId>()
  #timer: NodeJS.Timeout | undefined

  constructor(db: Db, observe: Observe) {
    this.#db = db
    this.#observe = observe
  }

  add(runId: RunId): void {
    this.#sent.add(runId)
    this.#timer ??= setTimeout(() => void this.flush(), WAIT_MS)
  }

  async flush(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const sent = [...this.#sent]
    this.#sent = new Set()
    if (sent.length === 0) return
    try {
      await saveResponsesSent(this.#db, sent)
    } catch (error) {
      this.#observe({ type: 'database_trouble', what: 'noting answers that were sent', error })
    }
  }
}
