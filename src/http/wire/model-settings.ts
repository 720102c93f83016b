import type { JsonObject } from '../../domain/json.ts'
import type { LlmConfig, ResponseFormat } from '../../domain/model.ts'
import type { ModelSettings } from '../schemas/model-settings.ts'

/** What a model may write in one answer, where nothing else is said. Tokens. */
const OUTPUT_TOKENS_DEFAULT = 4_096
const GOOGLE_OUTPUT_TOKENS_DEFAULT = 65_536
const THINKING_TOKENS_DEFAULT = 1_024

/**
 * A config with the settings in it. The settings' own provider decides what they say; one that is not the config's
 * adds nothing that the config has no place for. A cap on the answer changes only when it was sent.
 */
export function withModelSettings(config: LlmConfig, settings: ModelSettings): LlmConfig {
  return {
    ...config,
    ...configFieldsOf(settings),
    temperature: settings.temperature,
    parallel_tool_calls: settings.parallel_tool_calls,
    max_tokens: settings.max_output_tokens ?? config.max_tokens,
  }
}

function configFieldsOf(settings: ModelSettings): Partial<LlmConfig> {
  switch (settings.provider_type) {
    case 'openai':
      return openAiFields(settings)
    case 'sglang':
      return { ...openAiFields(settings), tool_call_parser: settings.tool_call_parser }
    case 'anthropic':
      return {
        enable_reasoner: settings.thinking.type === 'enabled',
        max_reasoning_tokens: settings.thinking.budget_tokens,
        response_format: settings.response_format,
        verbosity: settings.verbosity,
        effort: settings.effort,
        strict: settings.strict,
      }
    case 'google_ai':
    case 'google_vertex':
      return {
        enable_reasoner: settings.thinking_config.include_thoughts,
        max_reasoning_tokens: settings.thinking_config.thinking_budget,
        ...(settings.response_schema && { response_format: settings.response_schema }),
      }
    case 'zai':
      return {
        enable_reasoner: settings.thinking.type === 'enabled',
        response_format: settings.response_format,
      }
    case 'chatgpt_oauth':
      return { reasoning_effort: settings.reasoning.reasoning_effort }
    case 'baseten':
      return {}
    default:
      return { response_format: settings.response_format }
  }
}

type OpenAiSettings = Extract<ModelSettings, { provider_type: 'openai' | 'sglang' }>

function openAiFields(settings: OpenAiSettings): Partial<LlmConfig> {
  return {
    reasoning_effort: settings.reasoning.reasoning_effort,
    response_format: settings.response_format,
    strict: settings.strict,
  }
}

/** Settings as they are kept by themselves: a cap that was not sent stays open. */
export function toStoredSettings({ max_output_tokens, ...settings }: ModelSettings): JsonObject {
  return { ...settings, ...(max_output_tokens !== undefined && { max_output_tokens }) }
}

/** Settings that are kept by themselves, as clients read them: with the cap that counts where none was sent. */
export function toWireSettings(settings: JsonObject): JsonObject {
  const isGoogle = settings.provider_type === 'google_ai' || settings.provider_type === 'google_vertex'
  return { max_output_tokens: isGoogle ? GOOGLE_OUTPUT_TOKENS_DEFAULT : OUTPUT_TOKENS_DEFAULT, ...settings }
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
