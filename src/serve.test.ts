import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sayRaw } from '../test/bad-input/raw-client.ts'
import { openServerWorld, type ServerWorld } from '../test/server-world.ts'

let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld({ PERDURE_REQUEST_MS: '300' })
})
afterAll(() => world.close())

/** Far more pieces than there is time for, one after another. */
const dribble = Array.from({ length: 10_000 }, () => ' ')
const PAUSE_MS = 20

describe('a connection', () => {
  it('whose request does not arrive in time is ended', async () => {
    const head = 'POST /v1/blocks/ HTTP/1.1\r\nhost: a\r\n'
    const silent = sayRaw(world.url, [head])
    const slow = sayRaw(world.url, [`${head}content-length: 10000\r\n\r\n`, ...dribble], PAUSE_MS)
    expect(await silent).toMatch(/^HTTP\/1.1 408 /)
    expect(await slow).toMatch(/^HTTP\/1.1 408 /)
    const crashes = world.observations.filter(({ type }) => type === 'request_crashed')
    expect(crashes).toEqual([])
  })
})
