import { describe, expect, it } from 'vitest'
import type { NumberedFrame } from '../domain/frame.ts'
import { newId } from '../domain/id.ts'
import { RunHub } from './run-hub.ts'

const framesAt = (...seqs: number[]): NumberedFrame[] => seqs.map((seq) => ({ seq, frame: { kind: 'ping' } }))

describe('a live feed', () => {
  it('gives what follows without a gap, at once, and says where the gap is', () => {
    const hub = new RunHub()
    const runId = newId('run')
    const feed = hub.open(runId)
    hub.publish(runId, framesAt(2, 3))
    hub.publish(runId, framesAt(4, 7))
    expect(feed.takeAfter(2)).toEqual(framesAt(3, 4))
    expect(feed.takeAfter(4)).toBe('hole')
    expect(feed.takeAfter(6)).toEqual(framesAt(7))
    expect(feed.takeAfter(7)).toEqual([])
  })

  it('wakes its reader for a hint that came before it waited', async () => {
    const hub = new RunHub()
    const runId = newId('run')
    const feed = hub.open(runId)
    hub.hint(runId)
    await feed.changed()
    expect(feed.takeAfter(0)).toEqual([])
  })
})

describe('a run that is driven here', () => {
  it('needs no look into the log by a reader who has all that was published, or can get it', () => {
    const hub = new RunHub()
    const runId = newId('run')
    expect(hub.bringsAllAfter(runId, 0)).toBe(false)
    hub.drive(runId, 1, framesAt(1))
    expect(hub.bringsAllAfter(runId, 0)).toBe(true)
    expect(hub.open(runId).takeAfter(0)).toEqual(framesAt(1))
    hub.publish(runId, framesAt(2))
    expect(hub.bringsAllAfter(runId, 0)).toBe(false)
    expect(hub.bringsAllAfter(runId, 2)).toBe(true)
    hub.leave(runId)
    expect(hub.bringsAllAfter(runId, 2)).toBe(false)
  })
})
