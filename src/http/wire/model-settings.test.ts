import { describe, expect, it } from 'vitest'
import type { LlmConfig } from '../../domain/model.ts'
import { withModelSettings } from '../../domain/model-settings.ts'
import { LlmConfig as LlmConfigSchema } from '../schemas/llm-config.ts'
import { ModelSettings } from '../schemas/model-settings.ts'
import { toModelSettings } from './model-settings.ts'

describe('settings of a model', () => {
  it.each<[string, object, Partial<LlmConfig>]>([
    ['openai', {}, { temperature: 0.7, reasoning_effort: 'high', strict: true, parallel_tool_calls: true }],
    ['openai', { reasoning: {} }, { reasoning_effort: 'minimal' }],
    ['sglang', { tool_call_parser: 'hermes' }, { tool_call_parser: 'hermes' }],
    ['anthropic', {}, { temperature: 1, max_reasoning_tokens: 1_024, enable_reasoner: true, strict: false }],
    ['anthropic', { thinking: { type: 'disabled' } }, { enable_reasoner: false }],
    ['google_ai', { thinking_config: { thinking_budget: 512 } }, { max_reasoning_tokens: 512 }],
    ['zai', { thinking: { type: 'disabled' } }, { enable_reasoner: false }],
    ['chatgpt_oauth', {}, { reasoning_effort: 'medium' }],
    ['groq', { response_format: { type: 'json_object' } }, { response_format: { type: 'json_object' } }],
    ['baseten', { temperature: 0.1 }, { temperature: 0.1 }],
  ])('of %s, %j, are written into the config; what is not given is the default', (type, given, expected) => {
    const settings = ModelSettings.parse({ provider_type: type, ...given })
    expect(withModelSettings(config({}), settings)).toMatchObject(expected)
  })

  it('change the cap on answers only when they name it', () => {
    const capped = config({ max_tokens: 900 })
    expect(withModelSettings(capped, ModelSettings.parse({ provider_type: 'openai' })).max_tokens).toBe(900)
    const settings = ModelSettings.parse({ provider_type: 'openai', max_output_tokens: 5 })
    expect(withModelSettings(capped, settings).max_tokens).toBe(5)
  })

  it.each<[string, object]>([
    ['openai', { provider_type: 'openai', reasoning: { reasoning_effort: 'minimal' }, strict: false }],
    ['anthropic', { provider_type: 'anthropic', thinking: { type: 'enabled', budget_tokens: 1_024 } }],
    ['minimax', { provider_type: 'anthropic' }],
    ['google_vertex', { provider_type: 'google_vertex', response_schema: null }],
    ['zai_coding', { provider_type: 'zai', thinking: { type: 'enabled', clear_thinking: false } }],
    ['bedrock', { provider_type: 'bedrock', response_format: null }],
  ])('are read back from a config of %s', (type, expected) => {
    const shown = toModelSettings(config({ model_endpoint_type: type }))
    expect(shown).toMatchObject({ max_output_tokens: 4_096, temperature: 1, ...expected })
  })

  it('are null for a dialect that has none', () => {
    expect(toModelSettings(config({ model_endpoint_type: 'llamacpp' }))).toBeNull()
  })
})

function config(facts: Partial<LlmConfig>): LlmConfig {
  return LlmConfigSchema.parse({ model: 'm', model_endpoint_type: 'openai', context_window: 1_000, ...facts })
}
