import { anthropic } from './anthropic.ts'
import { shortCallId } from './encode-prompt.ts'
import type { ProviderSettings } from './settings.ts'
import { outputTokensMax, plainUsage, type Wire } from './wires.ts'

/** Claude on Bedrock: Anthropic's format in Amazon's envelope. What is sent is signed, so nothing is amended. */
const { amend: _, ...claude } = anthropic
export const bedrockClaude: Wire = {
  ...claude,
  async open(settings, model, fetch) {
    const { createAmazonBedrockAnthropic } = await import('@ai-sdk/amazon-bedrock/anthropic')
    return createAmazonBedrockAnthropic({ ...accessOf(settings), fetch })(model)
  },
}

/** The other models of Bedrock, in Amazon's own format. */
export const bedrockConverse: Wire = {
  async open(settings, model, fetch) {
    const { createAmazonBedrock } = await import('@ai-sdk/amazon-bedrock')
    return createAmazonBedrock({ ...accessOf(settings), fetch })(model)
  },

  dialect: () => ({
    reasoning: () => [],
    imagesInResults: 'of_all',
    marksFailures: true,
    userSpeaksLast: true,
    callId: (id) => shortCallId(id).replace(/[^A-Za-z0-9_-]/g, '_'),
  }),

  options(request) {
    const { temperature } = request.config
    return { maxOutputTokens: outputTokensMax(request), ...(temperature !== null && { temperature }) }
  },

  callArguments: 'object_in_pieces',

  usage: plainUsage,

  hasOwnFraming: true,
  whole: (pieces) => pieces,
}

function accessOf({ apiKey, baseUrl, extra }: ProviderSettings) {
  return {
    ...(apiKey !== null && { apiKey }),
    ...(baseUrl !== null && { baseURL: baseUrl }),
    ...(extra.keyId && { accessKeyId: extra.keyId }),
    ...(extra.secret && { secretAccessKey: extra.secret }),
    ...(extra.session && { sessionToken: extra.session }),
    region: extra.region || 'us-east-1',
  }
}
