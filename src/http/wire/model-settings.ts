import type { JsonObject } from '../../domain/json.ts'
import type { LlmConfig, ResponseFormat } from '../../domain/model.ts'
import type { ModelSettings } from '../../domain/model-settings.ts'

/** What a model may write in one answer, where nothing else is said. Tokens. */
const OUTPUT_TOKENS_DEFAULT = 4_096
const GOOGLE_OUTPUT_TOKENS_DEFAULT = 65_536
const THINKING_TOKENS_DEFAULT = 1_024

/** Settings that are kept by themselves, as clients read them: with the cap that counts where none was sent. */
export function toWireSettings(settings: ModelSettings) {
  const isGoogle = settings.provider_type === 'google_ai' || settings.provider_type === 'google_vertex'
  const { max_output_tokens = isGoogle ? GOOGLE_OUTPUT_TOKENS_DEFAULT : OUTPUT_TOKENS_DEFAULT } = settings
  return { ...settings, max_output_tokens }
}

/** The same the other way: a config in the words of its provider. Null for a dialect that has no such words. */
export function toModelSettings(config: LlmConfig): JsonObject | null {
  const extra = SETTINGS_OF[config.model_endpoint_type]
  if (!extra) return null
  return {
    max_output_tokens: config.max_tokens ?? OUTPUT_TOKENS_DEFAULT,
    // Clients have always been shown true: the old server never filled it from the config.
    parallel_tool_calls: true,
    temperature: config.temperature,
    ...extra(config),
  }
}

const SETTINGS_OF: Record<string, (config: LlmConfig) => JsonObject> = {
  openai: (config) => ({
    provider_type: 'openai',
    reasoning: { reasoning_effort: config.reasoning_effort ?? 'minimal' },
    response_format: shown(config.response_format),
    strict: config.strict,
  }),
  anthropic: anthropicSettings,
  minimax: anthropicSettings,
  google_ai: (config) => ({ provider_type: 'google_ai', ...googleSettings(config) }),
  google_vertex: (config) => ({ provider_type: 'google_vertex', ...googleSettings(config) }),
  zai: zaiSettings,
  zai_coding: zaiSettings,
  chatgpt_oauth: (config) => ({
    provider_type: 'chatgpt_oauth',
    reasoning: { reasoning_effort: config.reasoning_effort ?? 'medium' },
  }),
  baseten: () => ({ provider_type: 'baseten' }),
  azure: plainSettings,
  xai: plainSettings,
  groq: plainSettings,
  deepseek: plainSettings,
  together: plainSettings,
  bedrock: plainSettings,
  openrouter: plainSettings,
}

function plainSettings(config: LlmConfig): JsonObject {
  return { provider_type: config.model_endpoint_type, response_format: shown(config.response_format) }
}

function anthropicSettings(config: LlmConfig): JsonObject {
  return {
    provider_type: 'anthropic',
    thinking: {
      type: config.enable_reasoner ? 'enabled' : 'disabled',
      budget_tokens: config.max_reasoning_tokens || THINKING_TOKENS_DEFAULT,
    },
    response_format: shown(config.response_format),
    verbosity: config.verbosity,
    effort: config.effort,
    strict: config.strict,
  }
}

function googleSettings(config: LlmConfig): JsonObject {
  return {
    thinking_config: {
      include_thoughts: config.enable_reasoner,
      thinking_budget: config.max_reasoning_tokens || THINKING_TOKENS_DEFAULT,
    },
    response_schema: null,
  }
}

function zaiSettings(config: LlmConfig): JsonObject {
  return {
    provider_type: 'zai',
    response_format: shown(config.response_format),
    thinking: { type: config.enable_reasoner ? 'enabled' : 'disabled', clear_thinking: false },
  }
}

function shown(format: ResponseFormat | null): JsonObject | null {
  return format && { ...format }
}
