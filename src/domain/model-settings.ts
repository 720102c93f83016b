import type { LlmConfig, ResponseFormat } from './model.ts'

/** What is said of a model in the words of its provider. A cap that was not sent stays as it is. */
export type ModelSettings = {
  max_output_tokens?: number | undefined
  parallel_tool_calls: boolean
  temperature: number
} & (OpenAi | SgLang | Anthropic | Google | Zai | ChatGpt | { provider_type: 'baseten' } | Plain)

type Formatted = { response_format: ResponseFormat | null }
type OpenAiFields = Formatted & {
  reasoning: { reasoning_effort: NonNullable<LlmConfig['reasoning_effort']> }
  strict: boolean
}
type OpenAi = { provider_type: 'openai' } & OpenAiFields
type SgLang = { provider_type: 'sglang'; tool_call_parser: string | null } & OpenAiFields
type Anthropic = Formatted & {
  provider_type: 'anthropic'
  thinking: { type: Switch; budget_tokens: number }
  verbosity: LlmConfig['verbosity']
  effort: LlmConfig['effort']
  strict: boolean
}
type Google = {
  provider_type: 'google_ai' | 'google_vertex'
  thinking_config: { include_thoughts: boolean; thinking_budget: number }
  response_schema: ResponseFormat | null
}
type Zai = Formatted & { provider_type: 'zai'; thinking: { type: Switch; clear_thinking: boolean } }
type ChatGpt = {
  provider_type: 'chatgpt_oauth'
  reasoning: { reasoning_effort: Exclude<NonNullable<LlmConfig['reasoning_effort']>, 'minimal'> }
}
type Plain = Formatted & {
  provider_type: 'azure' | 'xai' | 'groq' | 'deepseek' | 'together' | 'bedrock' | 'openrouter'
}
type Switch = 'enabled' | 'disabled'

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

function openAiFields(settings: OpenAiFields): Partial<LlmConfig> {
  return {
    reasoning_effort: settings.reasoning.reasoning_effort,
    response_format: settings.response_format,
    strict: settings.strict,
  }
}
