import { describe, expect, it } from 'vitest'
import { newId, type OrganizationId } from '../domain/id.ts'
import type { EngineDeps } from '../worker/deps.ts'
import { RunHub } from '../worker/run-hub.ts'
import { type StreamOptions, streamRun } from './stream-run.ts'

const ORGANIZATION = 'org-00000000-0000-4000-8000-000000000000' as OrganizationId
const runId = newId('run')

/** A stream of a run that is driven here, so that nothing is read from a database. */
function openStream(options: Partial<StreamOptions>) {
  const hub = new RunHub()
  hub.drive(runId, 1, [])
  const sent: string[] = []
  const deps = { hub, sent: { add: (id: string) => sent.push(id) } } as unknown as EngineDeps
  const response = streamRun(deps, ORGANIZATION, runId, {
    afterSeq: 1,
    includePings: false,
    pingMs: 60_000,
    ...options,
  })
  const reader = response.body?.getReader()
  const read = async () => new TextDecoder().decode((await reader?.read())?.value)
  return { hub, sent, reader, read }
}

describe('a stream', () => {
  it('sends all that has happened meanwhile as one piece', async () => {
    const { hub, read } = openStream({})
    await expect.poll(() => hub.openCount).toBe(1)
    for (const seq of [2, 3, 4])
      hub.publish(runId, [{ seq, frame: { kind: 'stop', stopReason: 'end_turn' } }])
    expect((await read()).match(/end_turn/g)).toHaveLength(3)
  })

  it('says that it lives while nothing happens', async () => {
    const { read } = openStream({ includePings: true, pingMs: 1 })
    expect(await read()).toContain('ping')
    expect(await read()).toContain('ping')
  })

  it('stops following when its reader goes', async () => {
    const { hub, reader, sent } = openStream({})
    expect(hub.openCount).toBe(0)
    const pending = reader?.read()
    await expect.poll(() => hub.openCount).toBe(1)
    await reader?.cancel()
    await pending
    await expect.poll(() => hub.openCount).toBe(0)
    expect(sent).toEqual([])
  })

  it('stops following when its reader goes between two pieces', async () => {
    const { hub, reader } = openStream({})
    await expect.poll(() => hub.openCount).toBe(1)
    hub.publish(runId, [{ seq: 2, frame: { kind: 'stop', stopReason: 'end_turn' } }])
    // The piece lies ready: nobody has asked for the next one.
    await new Promise((resolve) => setTimeout(resolve, 20))
    await reader?.cancel()
    await expect.poll(() => hub.openCount).toBe(0)
  })

  it('is closed when its reader takes nothing for too long', async () => {
    const { hub, reader } = openStream({ includePings: true, pingMs: 1, stuckMs: 20 })
    await expect.poll(() => hub.openCount).toBe(1)
    await expect.poll(() => hub.openCount).toBe(0)
    await expect(reader?.read()).rejects.toThrow('took nothing')
  })
})
