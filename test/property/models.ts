import type { LlmConfig, ModelListing } from '../../src/domain/model.ts'
import { createCatalog } from '../../src/providers/catalog.ts'
import { providersFromEnv } from '../../src/providers/settings.ts'
import type { WireFormat } from '../mock-llm/validate/request.mjs'

/** The real adapters, for what they would send; nothing is sent. */
export const encoders = createCatalog(
  providersFromEnv({ OPENAI_API_KEY: 'test', ANTHROPIC_API_KEY: 'test', GEMINI_API_KEY: 'test' }),
)

export type ScriptedListing = ModelListing & { wire: WireFormat }

/** Models of every wire format, and of two makers of each of the strict ones. */
export const MODELS: ScriptedListing[] = [
  listing('openai-chat', 'openai/gpt-4o-mini', 'openai'),
  listing('openai-responses', 'openai/gpt-5-mini', 'openai'),
  listing('anthropic', 'anthropic/claude-haiku-4-5', 'anthropic'),
  listing('anthropic', 'anthropic/claude-sonnet-4-6', 'anthropic'),
  listing('google', 'google_ai/gemini-2.5-flash', 'google_ai'),
  listing('google', 'google_ai/gemini-3-pro-preview', 'google_ai'),
]

export function wireOf(config: LlmConfig): WireFormat {
  return MODELS.find(({ handle }) => handle === config.handle)?.wire ?? 'openai-chat'
}

function listing(wire: WireFormat, handle: string, endpointType: string): ScriptedListing {
  const [provider = '', model = ''] = handle.split('/')
  const config: LlmConfig = {
    model,
    display_name: model,
    model_endpoint_type: endpointType,
    model_endpoint: null,
    provider_name: provider,
    provider_category: 'base',
    model_wrapper: null,
    context_window: 128_000,
    put_inner_thoughts_in_kwargs: false,
    handle,
    temperature: 1,
    max_tokens: 4_096,
    enable_reasoner: true,
    reasoning_effort: null,
    max_reasoning_tokens: 1_024,
    effort: null,
    frequency_penalty: null,
    compatibility_type: null,
    verbosity: null,
    tier: null,
    parallel_tool_calls: false,
    response_format: null,
    strict: false,
    return_logprobs: false,
    top_logprobs: null,
    return_token_ids: false,
    tool_call_parser: null,
  }
  return { wire, handle, config }
}
