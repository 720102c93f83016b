import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answered,
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
  type WireName,
} from '../../test/provider-world.ts'
import type { JsonObject } from '../domain/json.ts'
import type { LlmConfig, ModelRequest } from '../domain/model.ts'

/** What is sent for what was set, and that the preview and the trace tell it truly. */
let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld()
})
afterAll(() => world.close())

async function preview(
  name: WireName,
  changes: Partial<LlmConfig>,
  rest: Partial<ModelRequest> = {},
): Promise<JsonObject> {
  const config = await world.configOf(WIRES[name].handle, changes)
  return world.catalog.modelOf(config).preview(requestOf(config, [user('hello')], rest))
}

describe.each(WIRE_NAMES)('%s', (name) => {
  it('previews exactly what it would send, and sends nothing', async () => {
    const mark = unique('preview')
    const config = await world.configOf(WIRES[name].handle, WIRES[name].reasons)
    const request = requestOf(config, [user(mark)], { tools: [LOOK_UP] })
    const shown = await world.catalog.modelOf(config).preview(request)
    expect(await world.mock.log(mark)).toEqual([])
    const { trace } = okay((await world.ask(request)).reply)
    const [logged] = await world.mock.log(mark)
    expect(shown).toEqual(logged?.body)
    expect(trace?.request).toEqual(logged?.body)
  })

  it('does not change the beginning of a conversation when it grows', async () => {
    const config = await world.configOf(WIRES[name].handle, WIRES[name].reasons)
    const tools = [LOOK_UP]
    const one = [user(unique('[[think hm]] [[call look_up {"word":"a"}]]'))]
    const { reply } = await world.ask(requestOf(config, one, { tools }))
    const two = [...one, answered(reply, config.model), results(okay(reply).toolCalls)]
    const model = world.catalog.modelOf(config)
    const texts = await Promise.all(
      [one, two].map(async (messages) =>
        conversationOf(await model.preview(requestOf(config, messages, { tools }))),
      ),
    )
    expect(texts[1]?.startsWith(texts[0] ?? 'x')).toBe(true)
  })
})

/** The messages without their end and without the marks of what is to be cached, which move. */
function conversationOf(body: JsonObject): string {
  const messages = (body.messages ?? body.input ?? body.contents) as JsonObject[]
  return JSON.stringify(messages, (key, value) => (key === 'cache_control' ? undefined : value)).slice(0, -1)
}

it.each(['chat', 'responses', 'anthropic'] as const)(
  '%s: ids of calls that begin alike stay apart when they are shortened (D-124)',
  async (name) => {
    const calls = ['a', 'b'].map((end) => ({
      id: `call_${'0'.repeat(40)}${end}`,
      name: 'look_up',
      arguments: '{"word":"x"}',
    }))
    const config = await world.configOf(WIRES[name].handle, { enable_reasoner: false })
    const answer = { role: 'assistant' as const, content: [], toolCalls: calls, model: 'another' }
    const messages = [user(unique('ids')), answer, results(calls)]
    const { trace } = okay((await world.ask(requestOf(config, messages, { tools: [LOOK_UP] }))).reply)
    const ids =
      JSON.stringify(trace?.request).match(/(?<="(id|call_id|tool_use_id|tool_call_id)":")[^"]+/g) ?? []
    const known = [...new Set(ids)]
    expect(known).toHaveLength(2)
    expect(ids.filter((id) => id === known[0])).toHaveLength(2)
    expect(known.every((id) => id.length <= 40)).toBe(true)
  },
)

describe('settings', () => {
  it('chat: limit, temperature, penalty, user, parallel calls', async () => {
    const body = await preview(
      'chat',
      { max_tokens: 777, temperature: 0.3, frequency_penalty: 0.5 },
      { tools: [LOOK_UP], parallelToolCalls: false },
    )
    expect(body).toMatchObject({
      max_completion_tokens: 777,
      temperature: 0.3,
      frequency_penalty: 0.5,
      user: 'user-1',
      parallel_tool_calls: false,
      tool_choice: 'auto',
    })
  })

  it('responses: limit, effort, verbosity, nothing kept at the provider, no temperature', async () => {
    const body = await preview('responses', { max_tokens: 777, reasoning_effort: 'high', verbosity: 'low' })
    expect(body).toMatchObject({
      max_output_tokens: 777,
      reasoning: { effort: 'high', summary: 'detailed' },
      text: { verbosity: 'low' },
      store: false,
      include: ['reasoning.encrypted_content'],
      user: 'user-1',
    })
    expect(body).not.toHaveProperty('temperature')
    expect(await preview('responses', {}, { parallelToolCalls: false })).toMatchObject({
      parallel_tool_calls: false,
    })
  })

  it('prompts stay for a day in the cache of OpenAI’s own service', async () => {
    const own = { model_endpoint: 'https://api.openai.com/v1' }
    const asked = { prompt_cache_retention: '24h' }
    expect(await preview('chat', { ...own, model: 'gpt-4.1' })).toMatchObject(asked)
    expect(await preview('responses', { ...own, model: 'gpt-5.4' })).toMatchObject(asked)
    expect(await preview('responses', own)).not.toHaveProperty('prompt_cache_retention')
    expect(await preview('chat', { model: 'gpt-4.1' })).not.toHaveProperty('prompt_cache_retention')
  })

  it('a model of the fast tier is asked for by its own name', async () => {
    const config = await world.configOf('openai-proxy/gpt-5.4-fast')
    const body = await world.catalog.modelOf(config).preview(requestOf(config, [user('hello')]))
    expect(body).toMatchObject({ model: 'gpt-5.4', service_tier: 'priority' })
  })

  it('anthropic: the limit holds the thinking and leaves room for the answer', async () => {
    const thinking = { max_reasoning_tokens: 3_000 }
    expect(await preview('anthropic', { ...thinking, max_tokens: 8_000 })).toMatchObject({
      max_tokens: 8_000,
      thinking: { type: 'enabled', budget_tokens: 3_000 },
      temperature: 1,
    })
    expect(await preview('anthropic', { ...thinking, max_tokens: 1_000 })).toMatchObject({
      max_tokens: 4_024,
      thinking: { budget_tokens: 3_000 },
    })
    const off = await preview('anthropic', { enable_reasoner: false, temperature: 0.3 })
    expect(off).toMatchObject({ temperature: 0.3 })
    expect(off).not.toHaveProperty('thinking')
  })

  it('anthropic: models that think as they see fit are told how hard, and no budget', async () => {
    const config = await world.configOf('anthropic/claude-opus-4-6', {
      effort: 'high',
      max_reasoning_tokens: 3_000,
    })
    const body = await world.catalog.modelOf(config).preview(requestOf(config, [user('hello')]))
    expect(body).toMatchObject({
      thinking: { type: 'adaptive' },
      output_config: { effort: 'high' },
      temperature: 1,
    })
    expect(JSON.stringify(body)).not.toContain('budget_tokens')
    const off = { ...config, enable_reasoner: false }
    const plain = await world.catalog.modelOf(off).preview(requestOf(off, [user('hello')]))
    expect(plain).not.toHaveProperty('thinking')
  })

  it.each([
    ['claude-haiku-4-5', false],
    ['claude-3-7-sonnet-latest', false],
    ['claude-sonnet-4-20250514', false],
    ['claude-sonnet-4-5-20250929', false],
    ['claude-opus-4-1', false],
    ['claude-opus-4-5-20251101', true],
    ['claude-opus-4-6', true],
    ['claude-sonnet-4-6', true],
    ['claude-opus-4-7', true],
    ['claude-sonnet-5', true],
  ])('anthropic: an effort goes to %s: %s', async (model, isSent) => {
    const body = await preview('anthropic', { model, effort: 'high' })
    expect(body.output_config).toEqual(isSent ? { effort: 'high' } : undefined)
  })

  it('anthropic: several calls at once are not wanted where the config says so', async () => {
    for (const parallelToolCalls of [true, false]) {
      const body = await preview('anthropic', {}, { tools: [LOOK_UP], parallelToolCalls })
      expect((body.tool_choice as JsonObject | undefined)?.disable_parallel_tool_use === true).toBe(
        !parallelToolCalls,
      )
    }
  })

  it('anthropic: marks for the cache are on the last tool, the system prompt and the last message', async () => {
    const body = await preview('anthropic', {}, { tools: [{ ...LOOK_UP, name: 'first' }, LOOK_UP] })
    const ephemeral = { type: 'ephemeral' }
    expect(body.system).toMatchObject([{ cache_control: ephemeral }])
    expect(body.tools).toMatchObject([{ name: 'first' }, { name: 'look_up', cache_control: ephemeral }])
    expect(JSON.stringify(body.tools).match(/cache_control/g)).toHaveLength(1)
    expect(body.messages).toMatchObject([{ content: [{ cache_control: ephemeral }] }])
  })

  it.each([
    ['gemini-2.5-flash', { enable_reasoner: false }, { thinking_budget: 0, include_thoughts: false }],
    ['gemini-2.5-flash', { max_reasoning_tokens: 500 }, { thinking_budget: 500, include_thoughts: true }],
    ['gemini-2.5-pro', { enable_reasoner: false }, { thinking_budget: 128, include_thoughts: true }],
    ['gemini-3-pro-preview', {}, { include_thoughts: true }],
  ])('google: thinking of %s with %j', async (model, changes, thinkingConfig) => {
    const config = await world.configOf(`google_ai/${model}`, changes)
    const body = await world.catalog.modelOf(config).preview(requestOf(config, [user('hello')]))
    expect((body.generationConfig as JsonObject).thinkingConfig).toEqual(thinkingConfig)
  })

  const schema = {
    type: 'object',
    properties: { city: { type: 'string' } },
    required: ['city'],
    additionalProperties: false,
  }
  const format = { type: 'json_schema' as const, json_schema: { name: 'place', schema, strict: true } }

  it.each(WIRE_NAMES)('%s: an answer comes in the form that was asked for', async (name) => {
    const config = await world.configOf(WIRES[name].handle, {
      response_format: format,
      enable_reasoner: false,
    })
    const { content } = okay((await world.ask(requestOf(config, [user(unique('data'))]))).reply)
    const text = content.find((part) => part.type === 'text')
    expect(JSON.parse(text?.text ?? '')).toHaveProperty('city')
  })
})

describe('strict tools', () => {
  const tool = {
    ...LOOK_UP,
    parameters: {
      type: 'object',
      properties: { word: { type: 'string' }, limit: { type: 'integer' } },
      required: ['word'],
    },
  }
  const required = ['word', 'limit']

  it.each(['chat', 'responses'] as const)(
    '%s: are sent where the config says so, but no client’s',
    async (name) => {
      const tools = [tool, { ...tool, name: 'mine', isClients: true as const }]
      const config = await world.configOf(WIRES[name].handle, { strict: true })
      const { trace } = okay((await world.ask(requestOf(config, [user(unique('x'))], { tools }))).reply)
      const sent = (trace?.request ?? { tools: [] }) as { tools: { function?: JsonObject }[] }
      const [strict, mine] = sent.tools.map((one) => one.function ?? one)
      expect(strict).toMatchObject({ strict: true, parameters: { required, additionalProperties: false } })
      expect(mine).toMatchObject({ parameters: tool.parameters })
      expect(mine).not.toHaveProperty('strict', true)
    },
  )

  it.each(['anthropic', 'google'] as const)('%s: do not exist', async (name) => {
    const text = JSON.stringify(await preview(name, { strict: true }, { tools: [tool] }))
    expect(text).not.toContain('strict')
    expect(text).not.toContain('additionalProperties')
  })
})

describe('strictness', () => {
  const place = (strict?: boolean) => ({
    type: 'json_schema' as const,
    json_schema: {
      name: 'place',
      description: 'Where it is.',
      schema: { type: 'object' },
      ...(strict !== undefined && { strict }),
    },
  })
  const formatOf = async (name: WireName, strict?: boolean) => {
    const body = await preview(name, { response_format: place(strict), strict: true })
    const { response_format, text } = body as { response_format?: JsonObject; text?: { format: JsonObject } }
    return response_format?.json_schema ?? text?.format
  }

  it.each([
    ['chat', undefined, false],
    ['chat', true, true],
    ['responses', undefined, true],
    ['responses', false, false],
  ] as const)('%s: of a schema that says %s is %s, whatever the tools’ is', async (name, said, sent) => {
    expect(await formatOf(name, said)).toMatchObject({
      name: 'place',
      description: 'Where it is.',
      strict: sent,
    })
  })

  it('of a server that only speaks the format is what the schema says', async () => {
    const config = await world.configOf('openai-proxy/llama3.2', { response_format: place() })
    const body = await world.catalog.modelOf(config).preview(requestOf(config, [user('hello')]))
    expect(body.response_format).toMatchObject({ json_schema: { name: 'place', strict: false } })
  })
})

describe('traces', () => {
  it.each([
    ['chat', 'choices[0].message.tool_calls[0].function.arguments', '{"word":"tea"}'],
    ['responses', 'output[?type=function_call].arguments', '{"word":"tea"}'],
    ['anthropic', 'content[?type=tool_use].input', { word: 'tea' }],
    ['google', 'candidates[0].content.parts[?functionCall].functionCall.args', { word: 'tea' }],
  ] as const)(
    '%s: the answer is kept whole, as it would have come without a stream',
    async (name, path, value) => {
      const config = await world.configOf(WIRES[name].handle)
      const text = unique('[[say One moment, please.]] [[call look_up {"word":"tea"}]]')
      const { trace } = okay((await world.ask(requestOf(config, [user(text)], { tools: [LOOK_UP] }))).reply)
      expect(at(trace?.response, path)).toEqual(value)
      expect(JSON.stringify(trace?.response)).toContain('One moment, please.')
    },
  )

  it.each(WIRE_NAMES)('%s: a refusal is kept in the provider’s words', async (name) => {
    const config = await world.configOf(WIRES[name].handle)
    const { reply } = await world.ask(requestOf(config, [user(`[[error 400]] ${unique('x')}`)]))
    expect(reply.trace?.response).toHaveProperty('error.message')
  })
})

/** `a.b[0].c`, and `[?key]` or `[?key=value]` for the first item that has it. */
function at(value: unknown, path: string): unknown {
  let here = value
  for (const [, key, test, wanted] of path
    .matchAll(/\[?(\?)?([\w]+)(?:=(\w+))?\]?/g)
    .map((m) => [m[0], m[1] ? null : m[2], m[2], m[3]])) {
    here =
      key === null
        ? (here as Record<string, unknown>[]).find((item) =>
            wanted === undefined ? item[test ?? ''] !== undefined : item[test ?? ''] === wanted,
          )
        : (here as Record<string, unknown>)[key ?? '']
  }
  return here
}
