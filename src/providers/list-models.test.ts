import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type MockProcess, startMockProcess } from '../../test/mock-process.ts'
import type { ModelListing } from '../domain/model.ts'
import { createCatalog } from './catalog.ts'
import { providersFromEnv } from './settings.ts'

/** What each kind of provider answers when it is asked for its models, reduced to what is read of it. */
const ANSWERS: Record<string, unknown> = {
  '/lms/api/v0/models': {
    data: [
      { id: 'small', type: 'llm', max_context_length: 32_768, loaded_context_length: 8_192 },
      { id: 'big', type: 'vlm', max_context_length: 131_072 },
      { id: 'nomic', type: 'embeddings', max_context_length: 2_048 },
    ],
  },
  '/vllm/v1/models': { data: [{ id: 'org/model', max_model_len: 16_384 }] },
  '/openrouter/v1/models': { data: [{ id: 'maker/model', context_length: 200_000 }] },
  '/together/v1/models': [
    { id: 'maker/chat', context_length: 65_536 },
    { id: 'maker/embed-1', context_length: 512 },
  ],
  '/groq/v1/models': { data: [{ id: 'llama', context_window: 131_072 }, { id: 'whisper-large' }] },
  '/mistral/v1/models': {
    data: [
      { id: 'mistral-small', max_context_length: 128_000 },
      { id: 'mistral-embed', max_context_length: 8_192 },
    ],
  },
  '/azure/openai/deployments': {
    data: [
      { id: 'our-gpt', model: 'gpt-4.1', status: 'succeeded' },
      { id: 'our-embedder', model: 'text-embedding-3-small', status: 'succeeded' },
      { id: 'not-yet', model: 'gpt-4o', status: 'creating' },
    ],
  },
}

let mock: MockProcess
let server: Server
let url: string
beforeAll(async () => {
  mock = await startMockProcess()
  server = createServer((request, response) => {
    const answer = ANSWERS[new URL(request.url ?? '/', 'http://x').pathname]
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer ?? {}))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.close()
  await mock.stop()
})

const windows = (models: ModelListing[]) =>
  Object.fromEntries(
    models
      .filter(({ handle }) => !handle.startsWith('perdure/'))
      .map(({ handle, config }) => [handle, config.context_window]),
  )

describe('a list of models', () => {
  it.each([
    [{ LMSTUDIO_BASE_URL: '/lms' }, { 'lmstudio_openai/small': 8_192, 'lmstudio_openai/big': 131_072 }],
    [{ VLLM_API_BASE: '/vllm/v1' }, { 'vllm/org/model': 16_384 }],
    [{ VLLM_API_BASE: '/vllm', VLLM_HANDLE_BASE: 'ours' }, { 'ours/org/model': 16_384 }],
    [
      { OPENROUTER_BASE_URL: '/openrouter/v1', OPENROUTER_API_KEY: 'k' },
      { 'openrouter/maker/model': 200_000 },
    ],
    [{ TOGETHER_BASE_URL: '/together', TOGETHER_API_KEY: 'k' }, { 'together/maker/chat': 65_536 }],
    [{ GROQ_BASE_URL: '/groq', GROQ_API_KEY: 'k' }, { 'groq/llama': 131_072 }],
    [{ MISTRAL_BASE_URL: '/mistral', MISTRAL_API_KEY: 'k' }, { 'mistral/mistral-small': 128_000 }],
    [{ AZURE_BASE_URL: '/azure', AZURE_API_KEY: 'k' }, { 'azure/our-gpt': 1_047_576 }],
  ])('of %j has the windows that the provider tells', async (env, expected) => {
    const absolute = Object.fromEntries(
      Object.entries(env).map(([name, value]) => [name, value.startsWith('/') ? `${url}${value}` : value]),
    )
    expect(windows(await createCatalog(providersFromEnv(absolute)).listModels())).toEqual(expected)
  })

  it('has the windows of Ollama, Anthropic and Google, which each tell in their own way', async () => {
    const env = {
      OLLAMA_BASE_URL: mock.url,
      ANTHROPIC_API_KEY: 'k',
      ANTHROPIC_BASE_URL: mock.url,
      GEMINI_API_KEY: 'k',
      GEMINI_BASE_URL: mock.url,
    }
    const catalog = createCatalog(providersFromEnv(env))
    expect(windows(await catalog.listModels())).toMatchObject({
      'ollama/qwen3:latest': 40_960,
      'anthropic/claude-haiku-4-5': 200_000,
      'anthropic/claude-opus-4-8': 1_000_000,
      'google_ai/gemini-2.5-flash': 1_048_576,
    })
    const embeddings = (await catalog.listEmbeddings()).map(({ handle, config }) => [
      handle,
      config.embedding_dim,
    ])
    expect(embeddings).toEqual(
      expect.arrayContaining([
        ['ollama/nomic-embed-text:latest', 768],
        ['google_ai/gemini-embedding-001', 768],
      ]),
    )
  })

  it('leaves a provider out that does not answer, and has the others', async () => {
    const env = { VLLM_API_BASE: `${url}/vllm`, GROQ_API_KEY: 'k', GROQ_BASE_URL: 'http://127.0.0.1:9/v1' }
    expect(windows(await createCatalog(providersFromEnv(env)).listModels())).toEqual({
      'vllm/org/model': 16_384,
    })
  })

  it('knows a model by its name also where the list does not have it', async () => {
    const catalog = createCatalog(providersFromEnv({ GROQ_API_KEY: 'k', GROQ_BASE_URL: `${url}/groq` }))
    expect(await catalog.findModel('groq/another')).toMatchObject({ config: { model: 'another' } })
    expect(await catalog.findModel('xai/grok-4')).toBeUndefined()
  })
})

describe('the environment', () => {
  const names = (env: Record<string, string>) => providersFromEnv(env).map(({ handleName }) => handleName)

  it('names providers by their usual variables', () => {
    expect(
      names({
        OPENAI_API_KEY: 'k',
        ANTHROPIC_API_KEY: 'k',
        GEMINI_API_KEY: 'k',
        GOOGLE_CLOUD_PROJECT: 'p',
        AWS_ACCESS_KEY_ID: 'k',
        AZURE_BASE_URL: 'https://x.openai.azure.com',
        MISTRAL_API_KEY: 'k',
        GROQ_API_KEY: 'k',
        DEEPSEEK_API_KEY: 'k',
        XAI_API_KEY: 'k',
        TOGETHER_API_KEY: 'k',
        OPENROUTER_API_KEY: 'k',
        OLLAMA_BASE_URL: 'http://localhost:11434',
        LMSTUDIO_BASE_URL: 'http://localhost:1234',
        VLLM_API_BASE: 'http://localhost:8000',
      }),
    ).toEqual([
      'openai',
      'anthropic',
      'google_ai',
      'google_vertex',
      'bedrock',
      'azure',
      'mistral',
      'groq',
      'deepseek',
      'xai',
      'together',
      'openrouter',
      'ollama',
      'lmstudio_openai',
      'vllm',
    ])
  })

  it('prefers our own names, and takes an empty value for none', () => {
    const [openai] = providersFromEnv({ PERDURE_OPENAI_API_KEY: 'ours', OPENAI_API_KEY: 'theirs' })
    expect(openai?.apiKey).toBe('ours')
    expect(names({ OPENAI_API_KEY: '', GROQ_API_KEY: '' })).toEqual([])
  })

  it('calls OpenAI’s models a proxy’s when its address is another’s', () => {
    expect(names({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'https://api.openai.com/v1' })).toEqual(['openai'])
    expect(names({ OPENAI_API_KEY: 'k', OPENAI_BASE_URL: 'http://localhost:9/v1' })).toEqual(['openai-proxy'])
  })
})
