import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  LOOK_UP,
  okay,
  openProviderWorld,
  type ProviderWorld,
  requestOf,
  unique,
  user,
  WIRE_NAMES,
  WIRES,
} from '../../test/provider-world.ts'

/** Why a model stopped, and what becomes of calls that it could not finish. */
let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld()
})
afterAll(() => world.close())

describe.each(WIRE_NAMES)('%s', (name) => {
  const { handle } = WIRES[name]
  const ask = async (text: string) =>
    world.ask(requestOf(await world.configOf(handle), [user(`${text} ${unique('x')}`)], { tools: [LOOK_UP] }))

  it('tells that an answer was cut by its limit', async () => {
    const { finish, content } = okay((await ask('[[length]] [[say A long story that is cut.]]')).reply)
    expect(finish).toBe('length')
    expect(content.some((part) => part.type === 'text' && part.text !== '')).toBe(true)
  })

  it('D-87: tells that an answer was filtered or refused', async () => {
    expect(okay((await ask('[[error filter]]')).reply).finish).toBe('content_filter')
  })

  it('takes an answer with nothing in it for one', async () => {
    const { content, toolCalls, finish } = okay((await ask('[[error empty]]')).reply)
    expect(content.filter((part) => part.type === 'text')).toEqual([])
    expect(toolCalls).toEqual([])
    expect(finish).toBe('stop')
  })

  it.runIf(name !== 'google')('keeps the arguments of a call that was cut as the text they are', async () => {
    const { toolCalls, finish } = okay(
      (await ask('[[length]] [[call look_up {"word":"a long word"}]]')).reply,
    )
    expect(finish).toBe('length')
    expect(toolCalls).toHaveLength(1)
    expect(() => JSON.parse(toolCalls[0]?.arguments ?? '')).toThrow()
  })

  it.runIf(name !== 'google')('keeps arguments that are no JSON as the text they are', async () => {
    const { toolCalls } = okay((await ask('[[call look_up {"word": oops]]')).reply)
    expect(toolCalls.map((call) => call.arguments)).toEqual(['{"word": oops'])
  })

  it.runIf(name === 'google')('fails where the provider says that the call could not be read', async () => {
    const { reply } = await ask('[[call look_up {"word": oops]]')
    expect(reply).toMatchObject({ ok: false, failure: { kind: 'empty_response', shown: false } })
  })
})
