import { z } from '@hono/zod-openapi'
import { EmbeddingConfig, LlmConfig } from './llm-config.ts'

export const PROVIDER_TYPES = [
  'anthropic',
  'azure',
  'baseten',
  'bedrock',
  'cerebras',
  'chatgpt_oauth',
  'deepseek',
  'fireworks',
  'google_ai',
  'google_vertex',
  'groq',
  'hugging-face',
  'letta',
  'lmstudio_openai',
  'minimax',
  'mistral',
  'ollama',
  'openai',
  'together',
  'vllm',
  'sglang',
  'openrouter',
  'xai',
  'zai',
  'zai_coding',
] as const

export const Model = z
  .object({
    ...LlmConfig.shape,
    name: z.string(),
    provider_type: z.string(),
    model_type: z.literal('llm'),
    max_context_window: z.int(),
  })
  .openapi('Model')
export type Model = z.output<typeof Model>

export const EmbeddingModel = z
  .object({
    ...EmbeddingConfig.shape,
    name: z.string(),
    display_name: z.string(),
    provider_type: z.string(),
    provider_name: z.string(),
    model_type: z.literal('embedding'),
  })
  .openapi('EmbeddingModel')
export type EmbeddingModel = z.output<typeof EmbeddingModel>
