import { z } from '@hono/zod-openapi'
import { INT_MAX } from './basics.ts'
import { ResponseFormat } from './response-format.ts'

const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const

const tokens = z.int().min(0).max(INT_MAX)

/** A whole model configuration, as older clients send and all clients read it. Absent fields get their defaults. */
export const LlmConfig = z
  .object({
    model: z.string(),
    display_name: z.string().nullable().default(null),
    model_endpoint_type: z.string(),
    model_endpoint: z.string().nullable().default(null),
    provider_name: z.string().nullable().default(null),
    provider_category: z.enum(['base', 'byok']).nullable().default(null),
    model_wrapper: z.string().nullable().default(null),
    context_window: z.int().min(1).max(INT_MAX),
    put_inner_thoughts_in_kwargs: z.boolean().nullable().default(false),
    handle: z.string().nullable().default(null),
    temperature: z.number().nullable().default(1),
    max_tokens: tokens.nullable().default(null),
    enable_reasoner: z.boolean().default(true),
    reasoning_effort: z.enum(EFFORTS).nullable().default(null),
    max_reasoning_tokens: tokens.default(0),
    effort: z.enum(['low', 'medium', 'high', 'max']).nullable().default(null),
    frequency_penalty: z.number().min(-2).max(2).nullable().default(null),
    compatibility_type: z.enum(['gguf', 'mlx']).nullable().default(null),
    verbosity: z.enum(['low', 'medium', 'high']).nullable().default(null),
    tier: z.string().nullable().default(null),
    parallel_tool_calls: z.boolean().nullable().default(false),
    response_format: ResponseFormat.nullable().default(null),
    strict: z.boolean().default(false),
    return_logprobs: z.boolean().default(false),
    top_logprobs: z.int().min(0).max(20).nullable().default(null),
    return_token_ids: z.boolean().default(false),
    tool_call_parser: z.string().nullable().default(null),
  })
  .openapi('LLMConfig')

export const EmbeddingConfig = z
  .object({
    embedding_endpoint_type: z.string(),
    embedding_endpoint: z.string().nullable().default(null),
    embedding_model: z.string(),
    embedding_dim: z.int().min(1).max(INT_MAX),
    embedding_chunk_size: tokens.nullable().default(300),
    handle: z.string().nullable().default(null),
    batch_size: z.int().min(1).max(INT_MAX).default(32),
    azure_endpoint: z.string().nullable().default(null),
    azure_version: z.string().nullable().default(null),
    azure_deployment: z.string().nullable().default(null),
  })
  .openapi('EmbeddingConfig')
