import { Redis } from 'ioredis'
import type { Frame, NumberedFrame } from '../domain/frame.ts'
import type { RunId } from '../domain/id.ts'
import type { Observe } from './observation.ts'
import type { RunHub } from './run-hub.ts'

type Piece = { from: string; frames: NumberedFrame[] }

/**
 * Carries live frames between processes over Redis or Valkey: a faster wire, not a source. What it brings passes the same
 * gate as frames of this process, so that what it loses is read from the log; without it readers of other processes' runs
 * are a tenth of a second later. A driver that has lost its run may still send: its numbers are its own, and lower than
 * the next driver's, so that no reader takes them for something else.
 */
export function openLiveWire(
  url: string,
  { hub, self, observe, any }: { hub: RunHub; self: string; observe: Observe; any: () => boolean },
): () => void {
  const settings = { enableOfflineQueue: false, maxRetriesPerRequest: null, connectTimeout: 5_000 }
  const sender = new Redis(url, settings)
  const receiver = new Redis(url, settings)
  let said = false

  for (const redis of [sender, receiver]) {
    redis.on('error', (error: Error) => {
      if (said) return
      said = true
      observe({
        type: 'notice',
        text: `Redis is away (${error.message}): other servers' tokens come by the database.`,
      })
    })
    redis.on('ready', () => {
      said = false
    })
  }

  hub.onPublish((runId, frames) => {
    if (!any() || sender.status !== 'ready') return
    const piece: Piece = { from: self, frames }
    sender.publish(channelOf(runId), JSON.stringify(piece)).catch(() => undefined)
  })
  hub.onFollow((runId, follows) => {
    if (receiver.status !== 'ready') return
    const asked = follows ? receiver.subscribe(channelOf(runId)) : receiver.unsubscribe(channelOf(runId))
    asked.catch(() => undefined)
  })
  // Redis forgets what a lost connection had subscribed to.
  receiver.on('ready', () => {
    const followed = hub.followed()
    if (followed.length > 0) receiver.subscribe(...followed.map(channelOf)).catch(() => undefined)
  })
  receiver.on('message', (channel: string, text: string) => {
    const piece = pieceOf(text)
    if (piece && piece.from !== self) hub.receive(channel.slice(PREFIX.length) as RunId, piece.frames)
  })

  return () => {
    sender.disconnect()
    receiver.disconnect()
  }
}

/** Undefined: another release, or another program, sent something else. What is dropped here is read from the log. */
function pieceOf(text: string): Piece | undefined {
  try {
    const { from, frames } = JSON.parse(text) as Partial<Piece>
    if (typeof from !== 'string' || !Array.isArray(frames) || !frames.every(isFrame)) return undefined
    return { from, frames }
  } catch {
    return undefined
  }
}

const KINDS: Record<Frame['kind'], true> = {
  ping: true,
  message: true,
  delta: true,
  error: true,
  stop: true,
  usage: true,
}

function isFrame({ seq, frame }: NumberedFrame): boolean {
  return Number.isSafeInteger(seq) && Object.hasOwn(KINDS, frame.kind)
}

const PREFIX = 'perdure:run:'

function channelOf(runId: RunId): string {
  return `${PREFIX}${runId}`
}
