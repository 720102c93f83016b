import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  okay,
  openProviderWorld,
  type ProviderWorld,
  requestOf,
  unique,
  user,
  WIRES,
  type WireName,
} from '../../test/provider-world.ts'
import type { Usage } from '../domain/model.ts'

let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld()
})
afterAll(() => world.close())

/** 1,000 tokens in, 200 of them read from a cache and 100 written to it; 50 out, 20 of them thinking. */
const REPORTED: Record<WireName, Usage> = {
  chat: { prompt: 1_000, completion: 50, total: 1_050, cachedInput: 200, reasoning: 20 },
  responses: { prompt: 1_000, completion: 50, total: 1_050, cachedInput: 200, reasoning: 20 },
  anthropic: { prompt: 1_000, completion: 50, total: 1_050, cachedInput: 200, cacheWrite: 100 },
  // Google counts the answer without the thinking; the total has both.
  google: { prompt: 1_000, completion: 30, total: 1_050, cachedInput: 200, reasoning: 20 },
}

it.each(Object.entries(REPORTED))('%s: counts what the provider reports', async (name, usage) => {
  const config = await world.configOf(WIRES[name as WireName].handle)
  const { reply } = await world.ask(requestOf(config, [user(`[[usage 1000 50 200 100 20]] ${unique('x')}`)]))
  expect(okay(reply).usage).toEqual(usage)
})

it('google: nothing from the cache is 0, because it says so by leaving it out', async () => {
  const config = await world.configOf(WIRES.google.handle)
  const { reply } = await world.ask(requestOf(config, [user(unique('hello'))]))
  expect(okay(reply).usage.cachedInput).toBe(0)
})

it('anthropic: the unchanged beginning of a conversation is read from the cache', async () => {
  const config = await world.configOf(WIRES.anthropic.handle, { enable_reasoner: false })
  const system = 'Long rules. '.repeat(600)
  const first = [user(unique('hello'))]
  const one = okay((await world.ask(requestOf(config, first, { system }))).reply)
  const next = [
    ...first,
    { role: 'assistant' as const, content: one.content, toolCalls: [], model: config.model },
    user('and now?'),
  ]
  const two = okay((await world.ask(requestOf(config, next, { system }))).reply)
  expect(one.usage).toMatchObject({ cachedInput: 0 })
  expect(two.usage.cachedInput).toBeGreaterThan(1_024)
})
