import type { NumberedFrame } from '../domain/frame.ts'
import type { RunId } from '../domain/id.ts'

/** Frames that a reader may be behind the live feed; then the feed is dropped and it reads the log again. */
const BEHIND_MAX = 256

/**
 * What one reader gets of a run's live feed. `changed` resolves when there may be something new: a frame, or a hint that
 * the log has grown, the run has ended or the reader has gone.
 */
export class LiveFeed {
  #frames: NumberedFrame[] = []
  #wake: (() => void) | undefined
  #hinted = false

  push(frames: NumberedFrame[]): void {
    this.#frames.push(...frames)
    if (this.#frames.length > BEHIND_MAX) this.#frames = []
    this.hint()
  }

  hint(): void {
    this.#hinted = true
    this.#wake?.()
  }

  /** The live frames that follow `seq` without a gap, taken off the feed; `hole`: the feed goes on later than that. */
  takeAfter(seq: number): NumberedFrame[] | 'hole' {
    const frames = this.#frames.filter((numbered) => numbered.seq > seq)
    const gap = frames.findIndex((numbered, index) => numbered.seq !== seq + 1 + index)
    if (gap === 0) return 'hole'
    this.#frames = gap === -1 ? [] : frames.slice(gap)
    return gap === -1 ? frames : frames.slice(0, gap)
  }

  /** Resolves at the next push or hint. One waiter at a time. */
  async changed(): Promise<void> {
    if (!this.#hinted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
    this.#hinted = false
  }
}

/** `seq`: the last number that was published. `opening`: frames up to it that the hub still has, until the next one. */
type Driven = { seq: number; opening: NumberedFrame[] }

/** Tells readers in this process what happens in runs, whoever drives them. Forgets at once: the log remembers. */
export class RunHub {
  #feeds = new Map<RunId, Set<LiveFeed>>()
  #driven = new Map<RunId, Driven>()
  #published: ((runId: RunId, frames: NumberedFrame[]) => void)[] = []
  #stored: ((runIds: RunId[]) => void)[] = []
  #followed: ((runId: RunId, follows: boolean) => void)[] = []

  /** From here on all that happens in the run is published here, until `leave`. */
  drive(runId: RunId, seq: number, opening: NumberedFrame[]): void {
    this.#driven.set(runId, { seq, opening })
  }

  /** Whatever comes now, the log has to be asked for it. */
  leave(runId: RunId): void {
    this.#driven.delete(runId)
    this.hint(runId)
  }

  /** Whether a feed that is open already brings everything after `seq`: there is no need to read the log. */
  bringsAllAfter(runId: RunId, seq: number): boolean {
    const driven = this.#driven.get(runId)
    return driven !== undefined && driven.seq - driven.opening.length <= seq
  }

  /** Frames that the log has. */
  publish(runId: RunId, frames: NumberedFrame[]): void {
    if (frames.length === 0) return
    this.show(runId, frames)
    this.tellStored([runId])
  }

  /** Frames that the log will have soon. */
  show(runId: RunId, frames: NumberedFrame[]): void {
    const last = frames.at(-1)
    if (!last) return
    const driven = this.#driven.get(runId)
    if (driven) Object.assign(driven, { seq: last.seq, opening: [] })
    this.receive(runId, frames)
    for (const listener of this.#published) listener(runId, frames)
  }

  /** Frames that another process has shown. */
  receive(runId: RunId, frames: NumberedFrame[]): void {
    for (const feed of this.#feeds.get(runId) ?? []) feed.push(frames)
  }

  /** The log of runs that are driven here has grown. */
  tellStored(runIds: RunId[]): void {
    for (const listener of this.#stored) listener(runIds)
  }

  /** The log of a run has grown, or the run has ended, elsewhere. */
  hint(runId: RunId): void {
    for (const feed of this.#feeds.get(runId) ?? []) feed.hint()
  }

  /** For telling other processes: what is shown here … */
  onPublish(listener: (runId: RunId, frames: NumberedFrame[]) => void): void {
    this.#published.push(listener)
  }

  /** … and of which runs they find more in the log. */
  onStored(listener: (runIds: RunId[]) => void): void {
    this.#stored.push(listener)
  }

  /** Hears when a run that is driven elsewhere gets its first reader here, and when it loses its last. */
  onFollow(listener: (runId: RunId, follows: boolean) => void): void {
    this.#followed.push(listener)
  }

  /** Readers, blocking callers included. */
  get openCount(): number {
    return [...this.#feeds.values()].reduce((sum, feeds) => sum + feeds.size, 0)
  }

  /** Runs that have a reader here and are driven elsewhere, or not at all. */
  followed(): RunId[] {
    return [...this.#feeds.keys()].filter((runId) => !this.#driven.has(runId))
  }

  open(runId: RunId): LiveFeed {
    const feed = new LiveFeed()
    feed.push(this.#driven.get(runId)?.opening ?? [])
    const feeds = this.#feeds.get(runId) ?? new Set()
    this.#feeds.set(runId, feeds.add(feed))
    if (feeds.size === 1 && !this.#driven.has(runId))
      for (const listener of this.#followed) listener(runId, true)
    return feed
  }

  close(runId: RunId, feed: LiveFeed): void {
    const feeds = this.#feeds.get(runId)
    feeds?.delete(feed)
    if (feeds?.size !== 0) return
    this.#feeds.delete(runId)
    if (!this.#driven.has(runId)) for (const listener of this.#followed) listener(runId, false)
  }
}
