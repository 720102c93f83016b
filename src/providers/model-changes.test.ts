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
  WIRES,
} from '../../test/provider-world.ts'
import type { LlmConfig, ModelRequest, PromptMessage } from '../domain/model.ts'

/**
 * A conversation may change its model at any point, and what one model thought and signed must neither be sent to another
 * nor be missed by it. Every pair of models, in both places where it can happen: between two turns, and in the middle of
 * a turn, with a call's result as the last word.
 */
const MODELS: Record<string, { handle: string; reasons: Partial<LlmConfig> }> = {
  ...WIRES,
  'anthropic, adaptive': { handle: 'anthropic/claude-sonnet-5-5', reasons: {} },
  'anthropic, without thinking': {
    handle: 'anthropic/claude-sonnet-4-6',
    reasons: { enable_reasoner: false },
  },
  'google, signed calls': { handle: 'google_ai/gemini-3-pro-preview', reasons: {} },
}
const NAMES = Object.keys(MODELS)

let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld()
})
afterAll(() => world.close())

describe.each(NAMES)('from %s', (from) => {
  it.each(NAMES)('to %s, in the middle of a turn', async (to) => {
    const { messages } = await called(from)
    const { deltas, reply } = await world.ask(await request(to, messages))
    expect(okay(reply).finish).toBe('stop')
    expect(joined(deltas, 'text_delta')).toMatch(/^done: /)
  })

  it.each(NAMES)('to %s, between two turns, and back', async (to) => {
    const before = await called(from)
    const end = await world.ask(await request(from, before.messages))
    const first = [
      ...before.messages,
      answered(end.reply, before.model),
      user(`[[think hm]] [[say ${unique('two')}]]`),
    ]
    const second = await world.ask(await request(to, first))
    const config = await world.configOf(MODELS[to]?.handle ?? '')
    const third = [...first, answered(second.reply, config.model), user('and back')]
    expect(okay((await world.ask(await request(from, third))).reply).finish).toBe('stop')
  })
})

/** A turn that has thought, called twice at once and been answered. */
async function called(name: string): Promise<{ messages: PromptMessage[]; model: string }> {
  const question = user(
    `[[think Hm, ${unique('x')}.]] [[call look_up {"word":"a"}]] [[call look_up {"word":"b"}]]`,
  )
  const asked = await request(name, [question])
  const { reply } = await world.ask(asked)
  const { model } = asked.config
  return { messages: [question, answered(reply, model), results(okay(reply).toolCalls)], model }
}

async function request(name: string, messages: PromptMessage[]): Promise<ModelRequest> {
  const model = MODELS[name]
  const config = await world.configOf(model?.handle ?? '', model?.reasons)
  return requestOf(config, messages, { tools: [LOOK_UP] })
}
