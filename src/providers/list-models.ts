import { isVersionedAzure } from './azure.ts'
import { windowOf } from './model-facts.ts'
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
    return await (LISTERS[settings.kind] ?? listHosted)(settings)
  } catch {
    return []
  }
}

type Lister = (settings: ProviderSettings) => Promise<FoundModel[]>

const LISTERS: Partial<Record<ProviderSettings['kind'], Lister>> = {
  openai: listOpenAi,
  anthropic: listAnthropic,
  google_ai: listGoogle,
  azure: listAzure,
  ollama: listOllama,
  lmstudio_openai: listLmStudio,
  // These tell only a caller whose requests are signed; their models are used by name.
  google_vertex: async () => [],
  bedrock: async () => [],
}

const OPENAI_EMBEDDINGS: Record<string, number> = {
  'text-embedding-3-large': 3_072,
  'text-embedding-3-small': 1_536,
  'text-embedding-ada-002': 1_536,
}
const OPENAI_CHAT = /^(gpt-[4-9]|o[1-9]|chatgpt)/
const NOT_CHAT =
  /embed|whisper|tts|dall-e|image|audio|realtime|moderation|transcribe|search|instruct|rerank|guard/
/** Widths of hosted embedding models whose providers do not tell. */
const HOSTED_EMBEDDINGS: Record<string, number> = { 'mistral-embed': 1_024 }

/** Each provider that lists in OpenAI's form names the window in its own way. */
type OpenAiModel = {
  id: string
  max_model_len?: number
  context_length?: number
  context_window?: number
  max_context_length?: number
  max_input_tokens?: number
}
type OpenAiList = { data?: OpenAiModel[] } | OpenAiModel[]

async function listOpenAi(settings: ProviderSettings): Promise<FoundModel[]> {
  const list = await listInOpenAiForm(settings)
  const isProxy = settings.handleName !== 'openai'
  const embeddings = Object.entries(OPENAI_EMBEDDINGS).map(([id, dimensions]) => ({
    id,
    window: null,
    dimensions,
  }))
  const chat = list.filter(({ id }) => isProxy || (OPENAI_CHAT.test(id) && !NOT_CHAT.test(id)))
  return [...chat, ...embeddings]
}

async function listHosted(settings: ProviderSettings): Promise<FoundModel[]> {
  const list = await listInOpenAiForm(settings)
  return list.flatMap((model): FoundModel[] => {
    const dimensions = HOSTED_EMBEDDINGS[model.id]
    if (dimensions !== undefined) return [{ ...model, dimensions }]
    return settings.kind === 'vllm' || !NOT_CHAT.test(model.id) ? [model] : []
  })
}

async function listInOpenAiForm(settings: ProviderSettings): Promise<FoundModel[]> {
  const headers = settings.apiKey === null ? {} : { authorization: `Bearer ${settings.apiKey}` }
  return readOpenAiForm(await getJson(`${versionedUrl(settings)}/models`, headers))
}

function readOpenAiForm(answer: unknown): FoundModel[] {
  const list = answer as OpenAiList
  const models = Array.isArray(list) ? list : (list.data ?? [])
  return models
    .map((model) => ({ id: model.id, window: windowIn(model) }))
    .toSorted((a, b) => a.id.localeCompare(b.id))
}

function windowIn(model: OpenAiModel): number | null {
  const { max_model_len, context_length, context_window, max_context_length, max_input_tokens } = model
  return max_model_len ?? context_length ?? context_window ?? max_context_length ?? max_input_tokens ?? null
}

async function listAnthropic(settings: ProviderSettings): Promise<FoundModel[]> {
  const headers = { 'x-api-key': settings.apiKey ?? '', 'anthropic-version': '2023-06-01' }
  return readOpenAiForm(await getJson(`${versionedUrl(settings)}/models?limit=1000`, headers))
}

type AzureDeployments = { data?: { id: string; model?: string; status?: string }[] }

/** Azure serves deployments, which users name; older addresses list them only in an old version. */
async function listAzure(settings: ProviderSettings): Promise<FoundModel[]> {
  const headers = { 'api-key': settings.apiKey ?? '' }
  if (isVersionedAzure(settings.baseUrl)) {
    const models = readOpenAiForm(await getJson(`${settings.baseUrl}/models`, headers))
    return models.filter(({ id }) => !NOT_CHAT.test(id))
  }
  const url = `${settings.baseUrl}/openai/deployments?api-version=2023-03-15-preview`
  const { data = [] } = (await getJson(url, headers)) as AzureDeployments
  return data
    .filter(({ model = '', status = 'succeeded' }) => status === 'succeeded' && !NOT_CHAT.test(model))
    .map(({ id, model }) => ({ id, window: model === undefined ? null : windowOf(model, 0) || null }))
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

type LmStudioList = {
  data?: { id: string; type?: string; max_context_length?: number; loaded_context_length?: number }[]
}

async function listLmStudio(settings: ProviderSettings): Promise<FoundModel[]> {
  const { data = [] } = (await getJson(`${rootUrl(settings)}/api/v0/models`, {})) as LmStudioList
  return data.map(({ id, type, max_context_length, loaded_context_length }) => ({
    id,
    // A model that is loaded has the window that its user gave it.
    window: loaded_context_length ?? max_context_length ?? null,
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
