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
  user,
} from '../../test/provider-world.ts'

/** Servers on a user's own machine leave out, or repeat, what the hosted ones send. An agent must not notice. */
let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld((url) => ({
    OLLAMA_BASE_URL: url,
    VLLM_API_BASE: `${url}/v1`,
    LMSTUDIO_BASE_URL: url,
  }))
})
afterAll(() => world.close())

describe.each(['ollama/qwen3', 'vllm/llama3.2', 'lmstudio_openai/llama3.2'])('%s', (handle) => {
  const ask = async (text: string) =>
    world.ask(requestOf(await world.configOf(handle), [user(text)], { tools: [LOOK_UP] }))

  it.each(['[[usage 0 0]] hello', '[[quirk no-usage]] hello'])('no usage is no failure: %s', async (text) => {
    const { usage, finish } = okay((await ask(text)).reply)
    expect(usage).toMatchObject({ prompt: 0, completion: 0, total: 0 })
    expect(finish).toBe('stop')
  })

  it('an end without a reason is an end', async () => {
    const { reply, deltas } = await ask('[[quirk no-finish]] [[say All of it.]]')
    expect(okay(reply).content).toEqual([{ type: 'text', text: 'All of it.' }])
    expect(joined(deltas, 'text_delta')).toBe('All of it.')
    const calls = await ask('[[quirk no-finish]] [[call look_up {"word":"a"}]]')
    expect(okay(calls.reply).toolCalls).toHaveLength(1)
  })

  it('a cut stream is still a failure', async () => {
    const { reply } = await ask('[[error cutoff]] [[say A story that ends too early for its reader.]]')
    expect(reply).toMatchObject({ ok: false, failure: { kind: 'connection', shown: true } })
  })

  it.each(['no-ids', 'same-ids'])('%s: each call has an id of its own, shown and kept', async (quirk) => {
    const question = user(`[[quirk ${quirk}]] [[call look_up {"word":"a"}]] [[call look_up {"word":"b"}]]`)
    const config = await world.configOf(handle)
    const { reply, deltas } = await world.ask(requestOf(config, [question], { tools: [LOOK_UP] }))
    const { toolCalls } = okay(reply)
    const ids = new Set(toolCalls.map(({ id }) => id))
    expect(toolCalls.map((call) => JSON.parse(call.arguments).word)).toEqual(['a', 'b'])
    expect(ids.size).toBe(2)
    expect(
      new Set(deltas.flatMap((delta) => (delta.type === 'tool_call_delta' ? [delta.callId] : []))),
    ).toEqual(ids)
    const next = [question, answered(reply, config.model), results(toolCalls)]
    expect(okay((await world.ask(requestOf(config, next, { tools: [LOOK_UP] }))).reply).finish).toBe('stop')
  })

  it('a call that is written into the text stays text: what looks like one is not run', async () => {
    const { toolCalls, content } = okay(
      (await ask('[[quirk text-calls]] [[call look_up {"word":"a"}]]')).reply,
    )
    expect(toolCalls).toEqual([])
    expect(content).toMatchObject([{ type: 'text', text: expect.stringContaining('"name": "look_up"') }])
  })

  it('sends no limit, so that the server gives what is left of its window', async () => {
    const config = await world.configOf(handle)
    const body = await world.catalog.modelOf(config).preview(requestOf(config, [user('hello')]))
    expect(body).not.toHaveProperty('max_tokens')
  })
})

it('ollama/qwen3: thinking aloud is kept apart from the answer', async () => {
  const config = await world.configOf('ollama/qwen3')
  const { reply, deltas } = await world.ask(requestOf(config, [user('[[think Hm.]] [[say Yes.]]')]))
  expect(okay(reply).content).toMatchObject([
    { type: 'reasoning', reasoning: 'Hm.' },
    { type: 'text', text: 'Yes.' },
  ])
  expect(joined(deltas, 'reasoning_delta')).toBe('Hm.')
})
