import type {
  EmbeddingConfig,
  EmbeddingListing,
  LlmConfig,
  Model,
  ModelCatalog,
  ModelListing,
} from '../domain/model.ts'
import { anthropic } from './anthropic.ts'
import { azureChat, azureResponses } from './azure.ts'
import { bedrockClaude, bedrockConverse } from './bedrock.ts'
import { compatibleWire } from './compatible.ts'
import { google } from './google.ts'
import { type FoundModel, listProvider } from './list-models.ts'
import { isClaude, isOpenAiReasoner, outputMaxOf, windowOf } from './model-facts.ts'
import { OFFLINE_LISTING, OfflineModel } from './offline.ts'
import { openAiChat } from './openai-chat.ts'
import { openAiResponses } from './openai-responses.ts'
import { SdkModel } from './sdk-model.ts'
import { LOCAL_KINDS, type ProviderSettings, shownEndpoint } from './settings.ts'
import { unavailableModel } from './unavailable.ts'
import { vertex } from './vertex.ts'
import type { Wire } from './wires.ts'

/** How long a listing is believed, in milliseconds. */
const LISTING_MS = 60_000
/** Window of a model that nobody knows, in tokens. */
const WINDOW_DEFAULT = 128_000

/** The models of the configured providers, and the built-in one that needs none. */
export function createCatalog(providers: ProviderSettings[]): ModelCatalog {
  const listings = new Map<string, { at: number; listed: Promise<Listed> }>()

  function listed(settings: ProviderSettings): Promise<Listed> {
    const known = listings.get(settings.handleName)
    if (known && Date.now() - known.at < LISTING_MS) return known.listed
    const fresh = listProvider(settings).then((found) => toListed(settings, found))
    listings.set(settings.handleName, { at: Date.now(), listed: fresh })
    return fresh
  }

  async function all(): Promise<Listed[]> {
    return Promise.all(providers.map(listed))
  }

  async function listModels(): Promise<ModelListing[]> {
    return [...(await all()).flatMap(({ models }) => models), OFFLINE_LISTING]
  }

  return {
    listModels,
    listEmbeddings: async () => (await all()).flatMap(({ embeddings }) => embeddings),

    async findModel(handle) {
      if (handle === OFFLINE_LISTING.handle) return OFFLINE_LISTING
      // Handles of the old makers' own service: it is gone, the first model that there is takes their place.
      if (/^letta\//.test(handle)) return (await listModels())[0]
      const settings = providerOf(providers, handle)
      if (!settings) return undefined
      const { models } = await listed(settings)
      const name = handle.slice(handle.indexOf('/') + 1)
      return models.find((model) => model.handle === handle) ?? toModel(settings, { id: name, window: null })
    },

    async findEmbedding(handle) {
      const { embeddings } = { embeddings: (await all()).flatMap((list) => list.embeddings) }
      return embeddings.find((embedding) => embedding.handle === handle)
    },

    modelOf: (config) => modelOf(providers, config),
  }
}

type Listed = { models: ModelListing[]; embeddings: EmbeddingListing[] }

function toListed(settings: ProviderSettings, found: FoundModel[]): Listed {
  return {
    models: found
      .filter(({ dimensions }) => dimensions === undefined)
      .map((model) => toModel(settings, model)),
    embeddings: found.flatMap((model) => toEmbedding(settings, model)),
  }
}

function providerOf(providers: ProviderSettings[], handle: string): ProviderSettings | undefined {
  const name = handle.split('/', 1)[0]
  return (
    providers.find((settings) => settings.handleName === name) ??
    providers.find((settings) => settings.name === name)
  )
}

function modelOf(providers: ProviderSettings[], config: LlmConfig): Model {
  if (config.handle === OFFLINE_LISTING.handle) return new OfflineModel()
  const settings =
    providerOf(providers, config.handle ?? '') ??
    providers.find(({ name }) => name === config.provider_name) ??
    // A config that a client wrote by hand: the operator's own provider of that dialect, never the address in it.
    providers.find(({ endpointType }) => endpointType === config.model_endpoint_type)
  if (!settings) return unavailableModel(config.handle ?? config.model)
  return new SdkModel(settings, wireOf(settings, config.model))
}

/** Which format a model is spoken to in. */
function wireOf(settings: ProviderSettings, model: string): Wire {
  switch (settings.kind) {
    case 'anthropic':
      return anthropic
    case 'google_ai':
      return google
    case 'google_vertex':
      return vertex
    case 'bedrock':
      return isClaude(model) ? bedrockClaude : bedrockConverse
    case 'azure':
      return isOpenAiReasoner(model) ? azureResponses : azureChat
    case 'openai':
      if (isOpenAiReasoner(model)) return openAiResponses
      return settings.handleName === 'openai' || /^(gpt-|chatgpt)/.test(model)
        ? openAiChat
        : compatibleWire('openai')
    default:
      return compatibleWire(settings.kind)
  }
}

function toModel(settings: ProviderSettings, { id, window }: FoundModel): ModelListing {
  const handle = `${settings.handleName}/${id}`
  const fallback = settings.kind === 'openai' && settings.handleName !== 'openai' ? 30_000 : WINDOW_DEFAULT
  const config: LlmConfig = {
    model: id,
    display_name: id,
    model_endpoint_type: settings.endpointType,
    model_endpoint: shownEndpoint(settings),
    provider_name: settings.name,
    provider_category: 'base',
    model_wrapper: null,
    context_window: window ?? windowOf(id, settings.kind === 'anthropic' ? 200_000 : fallback),
    put_inner_thoughts_in_kwargs: false,
    handle,
    temperature: 1,
    // A user's own server knows best what is left of its window.
    max_tokens: LOCAL_KINDS.has(settings.kind) ? null : outputMaxOf(id, settings.endpointType),
    enable_reasoner: true,
    reasoning_effort: null,
    max_reasoning_tokens: 0,
    effort: null,
    frequency_penalty: null,
    compatibility_type: null,
    verbosity: /^gpt-5/.test(id) ? 'medium' : null,
    tier: null,
    parallel_tool_calls: false,
    response_format: null,
    strict: false,
    return_logprobs: false,
    top_logprobs: null,
    return_token_ids: false,
    tool_call_parser: null,
  }
  return { handle, config }
}

function toEmbedding(settings: ProviderSettings, { id, dimensions }: FoundModel): EmbeddingListing[] {
  if (dimensions === undefined) return []
  const handle = `${settings.name}/${id}`
  const config: EmbeddingConfig = {
    embedding_endpoint_type: settings.endpointType,
    embedding_endpoint: shownEndpoint(settings),
    embedding_model: id,
    embedding_dim: dimensions,
    embedding_chunk_size: 300,
    handle,
    batch_size: 32,
    azure_endpoint: null,
    azure_version: null,
    azure_deployment: null,
  }
  return [{ handle, config }]
}
