import { type ProviderSettings, rootUrl, versionedUrl } from './settings.ts'

export type FoundModel = {
  id: string
  /** Tokens, where the provider tells. */
  window: number | null
  /** Width of its vectors: it is an embedding model. */
  dimensions?: number
}

/** How long one provider may take to list its models, in milliseconds. */
const LIST_MS = 5_000

/** The models that a provider offers. One that does not answer, or not in time, offers none: it must not fail the others. */
export async function listProvider(settings: ProviderSettings): Promise<FoundModel[]> {
  try {
    return await (LISTERS[settings.kind] ?? listOpenAiStyle)(settings)
  } catch {
    return []
  }
}

type Lister = (settings: ProviderSettings) => Promise<FoundModel[]>

const LISTERS: Partial<Record<ProviderSettings['kind'], Lister>> = {
  openai: listOpenAi,
  anthropic: listAnthropic,
  google_ai: listGoogle,
  ollama: listOllama,
  lmstudio_openai: listLmStudio,
  google_vertex: async () => [],
  bedrock: async () => [],
  azure: async () => [],
}

const OPENAI_EMBEDDINGS: Record<string, number> = {
  'text-embedding-ada-002': 1_536,
  'text-embedding-3-small': 1_536,
  'text-embedding-3-large': 3_072,
}
const OPENAI_CHAT = /^(gpt-4|gpt-5|o1|o3|o4|chatgpt)/
const NOT_CHAT = /embed|whisper|tts|dall-e|image|audio|realtime|moderation|transcribe|search|instruct/

type OpenAiList = { data?: { id: string; max_model_len?: number; context_length?: number }[] }

async function listOpenAi(settings: ProviderSettings): Promise<FoundModel[]> {
  const list = await listOpenAiStyle(settings)
  const isProxy = settings.handleName !== 'openai'
  const embeddings = Object.entries(OPENAI_EMBEDDINGS).map(([id, dimensions]) => ({
    id,
    window: null,
    dimensions,
  }))
  const chat = list.filter(({ id }) => isProxy || (OPENAI_CHAT.test(id) && !NOT_CHAT.test(id)))
  return [...chat, ...embeddings]
}

async function listOpenAiStyle(settings: ProviderSettings): Promise<FoundModel[]> {
  const headers = settings.apiKey === null ? {} : { authorization: `Bearer ${settings.apiKey}` }
  const { data = [] } = (await getJson(`${versionedUrl(settings)}/models`, headers)) as OpenAiList
  return data
    .map(({ id, max_model_len, context_length }) => ({ id, window: max_model_len ?? context_length ?? null }))
    .toSorted((a, b) => a.id.localeCompare(b.id))
}

async function listAnthropic(settings: ProviderSettings): Promise<FoundModel[]> {
  const headers = { 'x-api-key': settings.apiKey ?? '', 'anthropic-version': '2023-06-01' }
  const list = (await getJson(`${versionedUrl(settings)}/models?limit=1000`, headers)) as OpenAiList
  return (list.data ?? []).map(({ id }) => ({ id, window: null }))
}

type GoogleList = {
  models?: { name: string; inputTokenLimit?: number; supportedGenerationMethods?: string[] }[]
}

async function listGoogle(settings: ProviderSettings): Promise<FoundModel[]> {
  const headers = { 'x-goog-api-key': settings.apiKey ?? '' }
  const { models = [] } = (await getJson(
    `${versionedUrl(settings)}/models?pageSize=1000`,
    headers,
  )) as GoogleList
  return models.flatMap(({ name, inputTokenLimit, supportedGenerationMethods = [] }): FoundModel[] => {
    const id = name.replace(/^models\//, '')
    const window = inputTokenLimit ?? null
    if (supportedGenerationMethods.includes('embedContent')) return [{ id, window, dimensions: 768 }]
    return supportedGenerationMethods.includes('generateContent') ? [{ id, window }] : []
  })
}

type OllamaTags = { models?: { name: string }[] }
type OllamaModel = { capabilities?: string[]; model_info?: Record<string, unknown> }

async function listOllama(settings: ProviderSettings): Promise<FoundModel[]> {
  const { models = [] } = (await getJson(`${rootUrl(settings)}/api/tags`, {})) as OllamaTags
  return Promise.all(models.map(async ({ name }) => showOllama(settings, name)))
}

async function showOllama(settings: ProviderSettings, name: string): Promise<FoundModel> {
  const shown = (await postJson(`${rootUrl(settings)}/api/show`, { model: name })) as OllamaModel
  const numbers = Object.entries(shown.model_info ?? {})
  const find = (suffix: string) =>
    numbers.find(([key, value]) => key.endsWith(suffix) && typeof value === 'number')?.[1]
  const window = (find('.context_length') as number | undefined) ?? null
  const dimensions = find('.embedding_length') as number | undefined
  const embeds = shown.capabilities?.includes('embedding') && !shown.capabilities.includes('completion')
  return { id: name, window, ...(embeds && dimensions !== undefined && { dimensions }) }
}

type LmStudioList = { data?: { id: string; type?: string; max_context_length?: number }[] }

async function listLmStudio(settings: ProviderSettings): Promise<FoundModel[]> {
  const { data = [] } = (await getJson(`${rootUrl(settings)}/api/v0/models`, {})) as LmStudioList
  return data.map(({ id, type, max_context_length }) => ({
    id,
    window: max_context_length ?? null,
    ...(type === 'embeddings' && { dimensions: 768 }),
  }))
}

async function getJson(url: string, headers: Record<string, string>): Promise<unknown> {
  return readJson(await fetch(url, { headers, signal: AbortSignal.timeout(LIST_MS) }), url)
}

async function postJson(url: string, body: unknown): Promise<unknown> {
  const init = { method: 'POST', body: JSON.stringify(body), signal: AbortSignal.timeout(LIST_MS) }
  return readJson(await fetch(url, { ...init, headers: { 'content-type': 'application/json' } }), url)
}

async function readJson(response: Response, url: string): Promise<unknown> {
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return response.json()
}
