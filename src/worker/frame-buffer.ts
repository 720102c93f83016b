import { setTimeout as sleep } from 'node:timers/promises'
import type { NumberedFrame } from '../domain/frame.ts'
import type { RunId } from '../domain/id.ts'
import type { Lease } from '../domain/run.ts'
import { flushFrames, type PendingFrames, packPending } from '../store/events.ts'
import type { Db } from '../store/schema.ts'
import { isPassing } from '../store/transaction.ts'
import type { Observe } from './observation.ts'

const FLUSH_MS = 100
/** Tries to store the same frames; after them the runs' drivers have lost their lease, or are about to. */
const FLUSHES_MAX = 100
/** Frames of all runs that make a flush due before its time. */
const FLUSH_FRAMES = 2_048

/**
 * Token deltas that readers have seen and the log has not: kept for at most a tenth of a second, then stored for all
 * runs of the process at once. A run's own commits take its frames along, so that a saved step is whole in the log.
 */
export class FrameBuffer {
  readonly #db: Db
  readonly #observe: Observe
  readonly #beforeCommit: () => void
  readonly #onStored: (runIds: RunId[]) => void
  #pending = new Map<RunId, PendingFrames>()
  #count = 0
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()

  /** `beforeCommit`: for crash tests. */
  constructor(
    db: Db,
    observe: Observe,
    beforeCommit: () => void,
    onStored: (runIds: RunId[]) => void = () => undefined,
  ) {
    this.#db = db
    this.#observe = observe
    this.#beforeCommit = beforeCommit
    this.#onStored = onStored
  }

  add(lease: Lease, frame: NumberedFrame): void {
    const pending = this.#pending.get(lease.runId) ?? { lease, frames: [] }
    pending.frames.push(frame)
    this.#pending.set(lease.runId, pending)
    this.#count += 1
    if (this.#count >= FLUSH_FRAMES) this.#start()
    else this.#timer ??= setTimeout(() => this.#start(), FLUSH_MS)
  }

  /** Takes a run's frames out, for a transaction that stores them with something else. */
  async take(runId: RunId): Promise<NumberedFrame[]> {
    await this.#flushing
    const frames = this.#pending.get(runId)?.frames ?? []
    this.#pending.delete(runId)
    this.#count -= frames.length
    return frames
  }

  /** Puts frames back whose transaction did not happen. */
  putBack(lease: Lease, frames: NumberedFrame[]): void {
    if (frames.length === 0) return
    const later = this.#pending.get(lease.runId)?.frames ?? []
    this.#pending.set(lease.runId, { lease, frames: [...frames, ...later] })
    this.#count += frames.length
    this.#timer ??= setTimeout(() => this.#start(), FLUSH_MS)
  }

  /** Forgets what a run that is no longer ours has left. */
  drop(runId: RunId): void {
    this.#count -= this.#pending.get(runId)?.frames.length ?? 0
    this.#pending.delete(runId)
  }

  /** Stores what is pending now. */
  async flush(): Promise<void> {
    this.#start()
    await this.#flushing
  }

  #start(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = [...this.#pending.values()]
    this.#pending = new Map()
    this.#count = 0
    if (batch.length === 0) return
    this.#flushing = this.#flushing.then(() => this.#flush(batch))
  }

  /** The same rows again until they are stored: after a lost answer they may be there, and count once. */
  async #flush(batch: PendingFrames[]): Promise<void> {
    const rows = packPending(batch)
    for (let tries = 1; ; tries++) {
      try {
        await flushFrames(this.#db, rows, this.#beforeCommit)
        return this.#onStored(batch.map(({ lease }) => lease.runId))
      } catch (error) {
        this.#observe({ type: 'flush_failed', runs: batch.length, error })
        if (!isPassing(error) || tries === FLUSHES_MAX) return
        await sleep(FLUSH_MS)
      }
    }
  }
}
