import { createHash } from 'node:crypto'
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
} from '../../test/provider-world.ts'
import type { LlmConfig, PromptMessage } from '../domain/model.ts'
import { createCatalog } from './catalog.ts'
import { providersFromEnv } from './settings.ts'

/** The providers beside the four makers of the formats: each in the format that it speaks, told what it can do. */
let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld((url) => ({
    MISTRAL_API_KEY: 'key of mistral',
    MISTRAL_BASE_URL: `${url}/v1`,
    GROQ_API_KEY: 'key of groq',
    GROQ_BASE_URL: `${url}/openai/v1`,
    DEEPSEEK_API_KEY: 'key of deepseek',
    DEEPSEEK_BASE_URL: `${url}/v1`,
    XAI_API_KEY: 'key of xai',
    XAI_BASE_URL: `${url}/v1`,
    TOGETHER_API_KEY: 'key of together',
    TOGETHER_BASE_URL: `${url}/v1`,
    OPENROUTER_API_KEY: 'key of openrouter',
    OPENROUTER_BASE_URL: `${url}/api/v1`,
    OPENROUTER_TITLE: 'Test',
  }))
})
afterAll(() => world.close())

describe.each([
  'mistral/mistral-large-latest',
  'groq/llama-3.3',
  'deepseek/deepseek-chat',
  'xai/mock-grok',
  'together/meta/llama-4',
  'openrouter/anthropic/claude-sonnet-4.6',
])('%s', (handle) => {
  it('thinks, calls, takes the results, and answers in pieces', async () => {
    const config = await world.configOf(handle)
    const calls = '[[call look_up {"word":"a"}]] [[call look_up {"word":"b"}]]'
    const question = user(`[[think Hm.]] ${calls} ${unique('x')}`)
    const { reply } = await world.ask(requestOf(config, [question], { tools: [LOOK_UP] }))
    expect(okay(reply).toolCalls.length).toBeGreaterThan(0)
    const next = [question, answered(reply, config.model), results(okay(reply).toolCalls)]
    const { deltas, reply: second } = await world.ask(requestOf(config, next, { tools: [LOOK_UP] }))
    expect(joined(deltas, 'text_delta')).toMatch(/^done: /)
    // Mistral and Groq report usage unasked; the mock, like OpenAI, waits to be asked.
    if (!/^(mistral|groq)/.test(handle)) expect(okay(second).usage.total).toBeGreaterThan(0)
    expect(second.trace?.response).toHaveProperty('choices')
  })

  it('D-97: is asked with the key of its own provider', async () => {
    const word = unique('key')
    await world.ask(requestOf(await world.configOf(handle), [user(word)]))
    const [asked] = await world.mock.log(word)
    const key = `key of ${handle.split('/', 1)[0]}`
    expect(asked?.keySha256).toBe(createHash('sha256').update(key).digest('hex').slice(0, 16))
  })

  it('says what went wrong', async () => {
    const config = await world.configOf(handle)
    const { reply } = await world.ask(requestOf(config, [user(`[[error 429 after=7]] ${unique('x')}`)]))
    expect(reply).toMatchObject({ ok: false, failure: { kind: 'rate_limited', retryAfterMs: 7_000 } })
  })
})

describe('what is sent', () => {
  /** Nothing is reached: previews only. */
  const preview = (
    env: Record<string, string>,
    handle: string,
    changes: Partial<LlmConfig> = {},
    more: PromptMessage[] = [],
  ) => previewOf(env, handle, changes, more)

  it('mistral: ids of nine letters, a forced call without a name', async () => {
    const call = { id: 'call_of_another_provider', name: 'look_up', arguments: '{}' }
    const body = await preview({ MISTRAL_API_KEY: 'k' }, 'mistral/mistral-large-latest', {}, [
      { role: 'assistant', content: [], toolCalls: [call], model: 'another' },
      results([call]),
    ])
    const messages = JSON.stringify(body.messages)
    const ids = [...messages.matchAll(/"(?:id|tool_call_id)":"([^"]+)"/g)].map(([, id]) => id)
    expect(ids).toHaveLength(2)
    expect(ids[0]).toMatch(/^[a-zA-Z0-9]{9}$/)
    expect(ids[1]).toBe(ids[0])
    expect(body.tool_choice).toBe('any')
  })

  it('openrouter: thinking by effort, by tokens, or just so', async () => {
    const env = { OPENROUTER_API_KEY: 'k' }
    const handle = 'openrouter/anthropic/claude-sonnet-4.6'
    expect(await preview(env, handle, { reasoning_effort: 'high' })).toMatchObject({
      reasoning: { effort: 'high' },
    })
    expect(await preview(env, handle, { max_reasoning_tokens: 500 })).toMatchObject({
      reasoning: { max_tokens: 500 },
    })
    expect(await preview(env, handle)).toMatchObject({ reasoning: { enabled: true } })
    expect(await preview(env, handle, { enable_reasoner: false })).not.toHaveProperty('reasoning')
  })

  it('groq: at most one call when several are not wanted', async () => {
    expect(await preview({ GROQ_API_KEY: 'k' }, 'groq/llama-3.3')).toMatchObject({
      parallel_tool_calls: false,
    })
  })

  it('azure: OpenAI’s formats, Responses for models that think', async () => {
    const env = { AZURE_API_KEY: 'k', AZURE_BASE_URL: 'https://x.openai.azure.com' }
    expect(await preview(env, 'azure/gpt-4o')).toMatchObject({
      messages: [{ role: 'system' }, { role: 'user' }],
    })
    expect(await preview(env, 'azure/gpt-5-mini')).toMatchObject({
      store: false,
      input: [{ role: 'developer' }, {}],
    })
  })

  it('bedrock: Anthropic’s format for Claude, Amazon’s for the others', async () => {
    const env = { AWS_ACCESS_KEY_ID: 'k', AWS_SECRET_ACCESS_KEY: 's', AWS_DEFAULT_REGION: 'eu-central-1' }
    expect(await preview(env, 'bedrock/eu.anthropic.claude-haiku-4-5-20251001-v1:0')).toMatchObject({
      anthropic_version: 'bedrock-2023-05-31',
      thinking: { type: 'enabled', budget_tokens: 1_024 },
      system: [{ type: 'text', text: 'You are a test.' }],
    })
    expect(await preview(env, 'bedrock/amazon.nova-pro-v1:0')).toMatchObject({
      messages: [{ role: 'user', content: [{ text: 'hello' }] }],
      inferenceConfig: { maxTokens: 16_384 },
    })
  })

  it('vertex: Google’s format', async () => {
    const env = {
      GOOGLE_CLOUD_PROJECT: 'p',
      GOOGLE_CLOUD_LOCATION: 'europe-west1',
      GOOGLE_VERTEX_API_KEY: 'k',
    }
    expect(await preview(env, 'google_vertex/gemini-2.5-flash', { max_reasoning_tokens: 500 })).toMatchObject(
      {
        contents: [{ role: 'user', parts: [{ text: 'hello' }] }],
        systemInstruction: { parts: [{ text: 'You are a test.' }] },
        generationConfig: { thinkingConfig: { thinking_budget: 500, include_thoughts: true } },
      },
    )
  })
})

async function previewOf(
  env: Record<string, string>,
  handle: string,
  changes: Partial<LlmConfig>,
  more: PromptMessage[],
) {
  const unreachable = Object.fromEntries(
    Object.keys(env).flatMap((name) =>
      name.endsWith('_API_KEY') ? [[name.replace('_API_KEY', '_BASE_URL'), 'http://127.0.0.1:9']] : [],
    ),
  )
  const catalog = createCatalog(providersFromEnv({ ...unreachable, ...env }))
  const listing = await catalog.findModel(handle)
  if (!listing) throw new Error(`${handle} is not there`)
  const config = { ...listing.config, ...changes }
  const request = requestOf(config, [user('hello'), ...more], {
    tools: [LOOK_UP],
    toolChoice: more.length > 0 ? { type: 'tool', name: 'look_up' } : { type: 'auto' },
    parallelToolCalls: false,
  })
  return catalog.modelOf(config).preview(request)
}
