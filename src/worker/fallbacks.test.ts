import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { MOCK_MODEL, openServerWorld, type ServerWorld } from '../../test/server-world.ts'

/** An agent whose model's provider is down goes on with the models that it names for that, and with the thoughts of none. */
const DOWN = 'http://127.0.0.1:9'

let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld({
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: DOWN,
    GROQ_API_KEY: 'k',
    GROQ_BASE_URL: DOWN,
  })
})
afterAll(() => world.close())

async function send(agent: string, content: string) {
  return world.ask('POST', `/v1/agents/${agent}/messages`, { messages: [{ role: 'user', content }] })
}

async function stepsOf(runId: string) {
  return (await world.ask('GET', `/v1/runs/${runId}/steps`)).body as { model_handle: string }[]
}

describe('models that stand in', () => {
  it('are asked in their order until one answers, and the step tells which', async () => {
    const agent = await world.createAgent({
      model: 'anthropic/claude-haiku-4-5',
      fallback_models: ['groq/llama', MOCK_MODEL],
      include_base_tools: false,
    })
    const { status, body } = await send(agent, '[[say Here I am.]]')
    expect(status).toBe(200)
    expect(body.messages).toMatchObject([{ content: 'Here I am.' }])
    expect(await stepsOf(body.messages[0].run_id)).toMatchObject([{ model_handle: MOCK_MODEL }])
  })

  it('keep the place until the run ends', async () => {
    const agent = await world.createAgent({
      model: 'anthropic/claude-haiku-4-5',
      fallback_models: [MOCK_MODEL],
      memory_blocks: [{ label: 'human', value: 'Ann.' }],
    })
    const { body } = await send(agent, '[[call memory_insert {"label":"human","new_string":"x"}]]')
    const steps = await stepsOf(body.messages[0].run_id)
    expect(steps.map((step) => step.model_handle)).toEqual([MOCK_MODEL, MOCK_MODEL])
    expect(world.observations.filter(({ type }) => type === 'model_failed').length).toBeGreaterThan(0)
  })

  it('do not stand in for a model that only asks to wait', async () => {
    const agent = await world.createAgent({
      fallback_models: ['openai-proxy/gpt-4.1'],
      include_base_tools: false,
    })
    const { status, body } = await send(agent, '[[error 429 once after=1]] [[say Waited.]] fall-back')
    expect(status).toBe(200)
    expect(await stepsOf(body.messages[0].run_id)).toMatchObject([{ model_handle: MOCK_MODEL }])
  })

  it.each(['529', '503'])('stand in at once for a model that says %s', async (code) => {
    const agent = await world.createAgent({
      fallback_models: ['openai-proxy/gpt-4.1'],
      include_base_tools: false,
    })
    const start = performance.now()
    const { body } = await send(agent, `[[error ${code} once after=20]] [[say Here instead.]] ${code}`)
    expect(body.messages).toMatchObject([{ content: 'Here instead.' }])
    expect(await stepsOf(body.messages[0].run_id)).toMatchObject([{ model_handle: 'openai-proxy/gpt-4.1' }])
    expect(performance.now() - start).toBeLessThan(5_000)
  })

  it('do not stand in for a model whose request was wrong', async () => {
    const agent = await world.createAgent({ fallback_models: ['groq/llama'], include_base_tools: false })
    const { status, body } = await send(agent, '[[error 400]] no')
    expect(status).toBe(400)
    expect(body.error.type).toBe('llm_bad_request')
  })

  it('do not repeat what a reader has seen', async () => {
    const agent = await world.createAgent({
      fallback_models: ['openai-proxy/gpt-4.1'],
      include_base_tools: false,
    })
    const response = await fetch(`${world.url}/v1/agents/${agent}/messages/stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-stainless-package-version': '1.12.1' },
      body: JSON.stringify({
        messages: [{ role: 'user', content: '[[error midstream]] [[say A story that ends too early.]]' }],
        stream_tokens: true,
      }),
    })
    const text = await response.text()
    expect(text).toContain('"error_type":"llm_error"')
    expect(text.match(/"content":"A/g)).toHaveLength(1)
  })

  it.each([
    [
      ['groq/llama', MOCK_MODEL, 'groq/llama'],
      ['anthropic/claude-haiku-4-5', 'groq/llama', MOCK_MODEL],
    ],
    [
      ['groq/llama', 'groq/llama'],
      ['anthropic/claude-haiku-4-5', 'groq/llama'],
    ],
    [
      ['groq/llama', 'anthropic/claude-haiku-4-5'],
      ['anthropic/claude-haiku-4-5', 'groq/llama'],
    ],
  ])('are each asked once, also where the list %j names one twice', async (fallback_models, asked) => {
    const agent = await world.createAgent({
      model: 'anthropic/claude-haiku-4-5',
      fallback_models,
      include_base_tools: false,
    })
    const before = world.observations.length
    expect((await send(agent, '[[error 503]] each once')).status).toBeGreaterThanOrEqual(500)
    const failed = world.observations.slice(before).filter(({ type }) => type === 'model_failed')
    const models = failed.map((one) => ('model' in one ? one.model : ''))
    expect(new Set(models).size).toBe(asked.length)
    expect(models.length).toBeLessThanOrEqual(3 * asked.length)
  })

  it('fail as the last of them does when none answers', async () => {
    const agent = await world.createAgent({
      model: 'anthropic/claude-haiku-4-5',
      fallback_models: ['groq/llama'],
      include_base_tools: false,
    })
    const { status, body } = await send(agent, 'hello')
    expect(status).toBe(500)
    expect(body.error.type).toBe('llm_error')
  })

  it('are kept with the agent, changed and cleared', async () => {
    const agent = await world.createAgent({ fallback_models: ['groq/llama'] })
    const patch = async (fallback_models: string[] | null) =>
      (await world.ask('PATCH', `/v1/agents/${agent}`, { fallback_models })).body.fallback_models
    expect(await patch([MOCK_MODEL])).toEqual([MOCK_MODEL])
    expect(await patch(null)).toEqual([])
    const { status } = await world.ask('PATCH', `/v1/agents/${agent}`, { fallback_models: ['nobody/knows'] })
    expect(status).toBe(404)
  })
})

describe('a provider that asks to wait', () => {
  it('is asked again after that time, and not sooner', async () => {
    const agent = await world.createAgent({ include_base_tools: false })
    const started = performance.now()
    const { status, body } = await send(agent, '[[error 429 once after=1]] [[say Now.]] wait')
    expect(status).toBe(200)
    expect(body.messages).toMatchObject([{ content: 'Now.' }])
    expect(performance.now() - started).toBeGreaterThan(950)
  })

  it('is not waited for longer than anyone would', async () => {
    const agent = await world.createAgent({ include_base_tools: false })
    const { status, body } = await send(agent, '[[error 429 after=600]] hello')
    expect(status).toBe(429)
    expect(body.error.type).toBe('llm_rate_limit')
  })
})
