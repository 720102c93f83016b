import { openAiChat } from './openai-chat.ts'
import { openAiResponses } from './openai-responses.ts'
import type { ProviderSettings } from './settings.ts'
import type { Fetch, Wire } from './wires.ts'

/** What Azure's older addresses want to be told. */
export const AZURE_VERSION_DEFAULT = '2024-09-01-preview'

export const azureChat: Wire = {
  ...openAiChat,
  open: async (settings, model, fetch) => (await azure(settings, fetch)).chat(model),
}

export const azureResponses: Wire = {
  ...openAiResponses,
  open: async (settings, model, fetch) => (await azure(settings, fetch)).responses(model),
}

/** An address that ends in `/openai/v1` is used as it is; below any other one, each deployment has its own. */
async function azure({ apiKey, baseUrl, extra }: ProviderSettings, fetch: Fetch) {
  const { createAzure } = await import('@ai-sdk/azure')
  const isVersioned = isVersionedAzure(baseUrl)
  return createAzure({
    apiKey: apiKey ?? 'none',
    baseURL: isVersioned ? `${baseUrl}` : `${baseUrl?.replace(/\/openai$/, '')}/openai`,
    ...(!isVersioned && {
      useDeploymentBasedUrls: true,
      apiVersion: extra.version || AZURE_VERSION_DEFAULT,
    }),
    fetch,
  })
}

export function isVersionedAzure(baseUrl: string | null): boolean {
  return baseUrl?.endsWith('/openai/v1') ?? false
}
