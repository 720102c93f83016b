import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answered,
  joined,
  LOOK_UP,
  okay,
  openProviderWorld,
  type ProviderWorld,
  requestOf,
  results,
  unique,
  user,
  WIRE_NAMES,
  WIRES,
} from '../../test/provider-world.ts'

/**
 * What a model says arrives whole, in pieces that add up, and goes back in the next request as it was. The mock refuses
 * what the real providers refuse, so that a second turn that is answered is a proof of the first.
 */
let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld()
})
afterAll(() => world.close())

describe.each(WIRE_NAMES)('%s', (name) => {
  const { handle, reasons } = WIRES[name]

  it('answers a text in pieces that add up to the answer', async () => {
    const config = await world.configOf(handle)
    const { deltas, reply } = await world.ask(requestOf(config, [user('[[say Hello there, dear friend.]]')]))
    expect(okay(reply)).toMatchObject({ toolCalls: [], finish: 'stop' })
    expect(okay(reply).content.filter((part) => part.type === 'text')).toMatchObject([
      { text: 'Hello there, dear friend.' },
    ])
    expect(joined(deltas, 'text_delta')).toBe('Hello there, dear friend.')
    expect(deltas.filter((delta) => delta.type === 'text_delta').length).toBeGreaterThan(1)
  })

  it.runIf(name !== 'chat')(
    'keeps its thinking byte for byte, and takes it back in the next step',
    async () => {
      const config = await world.configOf(handle, reasons)
      const thought = ' I  think,\n\ntherefore… '
      const question = user(`[[think ${thought}]] [[call look_up {"word":"being"}]]`)
      const first = await world.ask(requestOf(config, [question], { tools: [LOOK_UP] }))
      const { content, toolCalls } = okay(first.reply)
      const shown = joined(first.deltas, 'reasoning_delta')
      const kept = content.flatMap((part) =>
        part.type === 'reasoning'
          ? [part.reasoning]
          : part.type === 'summarized_reasoning'
            ? part.summary
            : [],
      )
      expect(kept.join('')).toBe(shown)
      expect(shown.trim()).toBe(thought.trim())

      const next = [question, answered(first.reply, config.model), results(toolCalls)]
      const second = await world.ask(requestOf(config, next, { tools: [LOOK_UP] }))
      expect(joined(second.deltas, 'text_delta')).toMatch(/^done: /)
    },
  )

  it('calls one tool, and takes its result', async () => {
    const config = await world.configOf(handle)
    const question = user('[[say One moment.]] [[call look_up {"word":"tea"}]]')
    const { deltas, reply } = await world.ask(requestOf(config, [question], { tools: [LOOK_UP] }))
    const { toolCalls, finish } = okay(reply)
    expect(toolCalls.map((call) => [call.name, JSON.parse(call.arguments)])).toEqual([
      ['look_up', { word: 'tea' }],
    ])
    expect(finish).toBe('tool_calls')
    const pieces = deltas.filter((delta) => delta.type === 'tool_call_delta')
    expect(pieces[0]).toMatchObject({ callId: toolCalls[0]?.id, name: 'look_up' })
    expect(JSON.parse(pieces.map((piece) => piece.arguments).join(''))).toEqual({ word: 'tea' })

    const next = [question, answered(reply, config.model), results(toolCalls, unique('brew'))]
    const { reply: second } = await world.ask(requestOf(config, next, { tools: [LOOK_UP] }))
    expect(okay(second).finish).toBe('stop')
  })

  it('calls several tools at once, each under an id of its own, and takes all their results', async () => {
    const config = await world.configOf(handle)
    const question = user(
      '[[call look_up {"word":"a"}]] [[call look_up {"word":"b"}]] [[call look_up {"word":"c"}]]',
    )
    const { reply } = await world.ask(requestOf(config, [question], { tools: [LOOK_UP] }))
    const { toolCalls } = okay(reply)
    expect(toolCalls.map((call) => JSON.parse(call.arguments).word)).toEqual(['a', 'b', 'c'])
    expect(new Set(toolCalls.map(({ id }) => id)).size).toBe(3)

    const next = [question, answered(reply, config.model), results(toolCalls)]
    const { deltas } = await world.ask(requestOf(config, next, { tools: [LOOK_UP] }))
    expect(joined(deltas, 'text_delta')).toMatch(/^done: /)
  })

  it.runIf(name !== 'google')('makes one call when several at once are not wanted', async () => {
    const config = await world.configOf(handle)
    const question = user('[[call look_up {"word":"a"}]] [[call look_up {"word":"b"}]]')
    const request = requestOf(config, [question], { tools: [LOOK_UP], parallelToolCalls: false })
    expect(okay((await world.ask(request)).reply).toolCalls).toHaveLength(1)
  })

  it('makes a call that is forced by name', async () => {
    const config = await world.configOf(handle, reasons)
    const other = { ...LOOK_UP, name: 'other' }
    const request = requestOf(config, [user('hello')], {
      tools: [other, LOOK_UP],
      toolChoice: { type: 'tool', name: 'look_up' },
    })
    const { reply } = await world.ask(request)
    expect(okay(reply).toolCalls.map((call) => call.name)).toEqual(['look_up'])
  })

  it('takes back calls whose arguments are no object, and ids that other providers made', async () => {
    const config = await world.configOf(handle)
    const calls = [
      { id: `call_${'x'.repeat(60)}`, name: 'look_up', arguments: '["word"]' },
      { id: 'toolu|01 strange:id', name: 'look_up', arguments: '{"word": oops' },
      { id: 'c', name: 'look_up', arguments: '' },
    ]
    const messages = [
      user('hello'),
      { role: 'assistant' as const, content: [], toolCalls: calls, model: 'another' },
      results(calls),
    ]
    const { reply } = await world.ask(requestOf(config, messages, { tools: [LOOK_UP] }))
    expect(okay(reply).finish).toBe('stop')
  })
})
