import { setTimeout as sleep } from 'node:timers/promises'
import { endsStream, type NumberedFrame } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import { isTerminal } from '../domain/run.ts'
import { readFrames } from '../store/events.ts'
import { findRun } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { readPatiently } from './read-patiently.ts'
import type { LiveFeed, RunHub } from './run-hub.ts'

/** Frames read from the log at once. */
const PAGE = 1_000
/** How long a hole is given to be filled by the next flush, in milliseconds. */
const FLUSH_WAIT_MS = 40

/**
 * A run's frames after `afterSeq`, each once and in order, as many at a time as there are, until the run's last one or
 * until `signal` says that the reader has gone. The run does not notice either way.
 *
 * Live frames are delivered only when they follow the last one delivered; whatever is missing between is read from the
 * log. A reader of a finished run that has seen everything gets nothing and the end. Throws StreamExpired when the rest
 * is kept no longer.
 */
export async function* followRun(
  deps: { db: Db; hub: RunHub },
  organizationId: OrganizationId,
  runId: RunId,
  afterSeq: number,
  signal: AbortSignal,
): AsyncGenerator<NumberedFrame[], void> {
  const feed = deps.hub.open(runId)
  signal.addEventListener('abort', () => feed.hint(), { once: true })
  let last = afterSeq
  try {
    while (!signal.aborted) {
      if (!deps.hub.bringsAllAfter(runId, last)) {
        const read = () => readLog(deps.db, organizationId, runId, last)
        const { page, endedBefore, isCut } = await readPatiently(read, signal)
        if (page.length > 0) yield page
        if (isWhole(page)) return
        last = page.at(-1)?.seq ?? last
        if (isCut) throw new StreamExpired(runId)
        if (page.length > 0) continue
        if (endedBefore) return
      }
      const live = yield* followLive(feed, last, signal)
      if (live.ended) return
      last = live.last
    }
  } finally {
    deps.hub.close(runId, feed)
  }
}

/**
 * The next frames in the log. `endedBefore`: the run had ended before they were read, so that nothing comes behind an
 * empty page. `isCut`: what comes behind the page is deleted.
 */
async function readLog(db: Db, organizationId: OrganizationId, runId: RunId, last: number) {
  const endedBefore = await hasEnded(db, organizationId, runId)
  const page = await readFrames(db, organizationId, runId, last, PAGE)
  const isCut = endedBefore && !isWhole(page) && (await isPurged(db, organizationId, runId))
  return { page, endedBefore, isCut }
}

/** Delivers the live feed until it has a hole, or hints at something that only the log has. */
async function* followLive(
  feed: LiveFeed,
  start: number,
  signal: AbortSignal,
): AsyncGenerator<NumberedFrame[], { last: number; ended: boolean }> {
  let last = start
  let hinted = false
  while (!signal.aborted) {
    const frames = feed.takeAfter(last)
    if (frames === 'hole') {
      await sleep(FLUSH_WAIT_MS)
      return { last, ended: false }
    }
    if (frames.length > 0) {
      yield frames
      last = frames.at(-1)?.seq ?? last
      if (isWhole(frames)) return { last, ended: true }
    } else if (hinted) {
      return { last, ended: false }
    } else {
      await feed.changed()
    }
    hinted = frames.length === 0
  }
  return { last, ended: false }
}

/** Whether the stream ends with these frames. */
function isWhole(frames: NumberedFrame[]): boolean {
  const last = frames.at(-1)
  return last !== undefined && endsStream(last.frame)
}

/** The rest of a stream was deleted while it was read. */
export class StreamExpired extends Error {
  override name = 'StreamExpired'

  constructor(runId: RunId) {
    super(`The events of ${runId} are no longer kept`)
  }
}

async function isPurged(db: Db, organizationId: OrganizationId, runId: RunId): Promise<boolean> {
  const run = await findRun(db, organizationId, runId)
  return run !== undefined && run.eventsPurgedAt !== null
}

async function hasEnded(db: Db, organizationId: OrganizationId, runId: RunId): Promise<boolean> {
  const run = await findRun(db, organizationId, runId)
  return run === undefined || isTerminal(run.status)
}
