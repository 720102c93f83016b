import { z } from '@hono/zod-openapi'
import type { ModelSettings as DomainSettings } from '../../domain/model-settings.ts'
import { INT_MAX } from './basics.ts'
import { ResponseFormat } from './response-format.ts'

const OPENAI_EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh'] as const

/** Not given and given as the default are two things here: a cap stays as it is unless it is sent. */
const common = {
  max_output_tokens: z.int().min(1).max(INT_MAX).optional(),
  parallel_tool_calls: z.boolean().default(true),
}
const temperature = z.number().default(0.7)
const response_format = ResponseFormat.nullable().default(null)

const openAiFields = {
  ...common,
  temperature,
  reasoning: z
    .object({ reasoning_effort: z.enum(OPENAI_EFFORTS).default('minimal') })
    .default({ reasoning_effort: 'high' }),
  response_format,
  strict: z.boolean().default(true),
}

const googleFields = {
  ...common,
  temperature,
  thinking_config: z
    .object({
      include_thoughts: z.boolean().default(true),
      thinking_budget: z.int().min(0).max(INT_MAX).default(1024),
    })
    .default({ include_thoughts: true, thinking_budget: 1024 }),
  response_schema: ResponseFormat.nullable().default(null),
}

function plain<const Type extends string>(type: Type) {
  return z.object({ provider_type: z.literal(type), ...common, temperature, response_format })
}

const switched = z.enum(['enabled', 'disabled']).default('enabled')

/**
 * Settings of a model in the words of its provider. Absent fields count as the class's defaults, also in an update.
 */
export const ModelSettings: z.ZodType<DomainSettings> = z
  .discriminatedUnion('provider_type', [
    z.object({ provider_type: z.literal('openai'), ...openAiFields }),
    z.object({
      provider_type: z.literal('sglang'),
      ...openAiFields,
      tool_call_parser: z.string().nullable().default(null),
    }),
    z.object({
      provider_type: z.literal('anthropic'),
      ...common,
      temperature: z.number().default(1),
      thinking: z
        .object({ type: switched, budget_tokens: z.int().min(0).max(INT_MAX).default(1024) })
        .default({ type: 'enabled', budget_tokens: 1024 }),
      response_format,
      verbosity: z.enum(['low', 'medium', 'high']).nullable().default(null),
      effort: z.enum(['low', 'medium', 'high', 'max']).nullable().default(null),
      strict: z.boolean().default(false),
    }),
    z.object({ provider_type: z.literal('google_ai'), ...googleFields }),
    z.object({ provider_type: z.literal('google_vertex'), ...googleFields }),
    z.object({
      provider_type: z.literal('zai'),
      ...common,
      temperature,
      response_format,
      thinking: z
        .object({ type: switched, clear_thinking: z.boolean().default(false) })
        .default({ type: 'enabled', clear_thinking: false }),
    }),
    z.object({
      provider_type: z.literal('chatgpt_oauth'),
      ...common,
      temperature,
      reasoning: z
        .object({ reasoning_effort: z.enum(['none', 'low', 'medium', 'high', 'xhigh']).default('medium') })
        .default({ reasoning_effort: 'medium' }),
    }),
    z.object({ provider_type: z.literal('baseten'), ...common, temperature }),
    plain('azure'),
    plain('xai'),
    plain('groq'),
    plain('deepseek'),
    plain('together'),
    plain('bedrock'),
    plain('openrouter'),
  ])
  .openapi('ModelSettings')
