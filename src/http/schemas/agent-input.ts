import { z } from '@hono/zod-openapi'
import { AGENT_TYPES } from '../../domain/agent.ts'
import { isTimezone } from '../../domain/local-time.ts'
import { STOP_REASON_NAMES } from './agent.ts'
import { AnyObject, INT_MAX, id } from './basics.ts'
import { CreateBlock } from './block.ts'
import { CompactionSettingsInput } from './compaction-settings.ts'
import { EmbeddingConfig, LlmConfig } from './llm-config.ts'
import { MessageInput } from './message-input.ts'
import { ModelSettings } from './model-settings.ts'
import { Moment } from './moment.ts'
import { ResponseFormat } from './response-format.ts'
import { ToolRule } from './tool-rule.ts'

/** More than these is a wrong value, not a wrong request: `checkSupported` refuses it. */
export const FILES_OPEN_MAX = 1_000
export const FILE_CHARS_MAX = INT_MAX
const FALLBACKS_MAX = 8

const text = z.string().nullish()
const flag = z.boolean().nullish()
const names = z.array(z.string()).nullish()
const tokens = z.int().min(0).max(INT_MAX).nullish()

const Name = z
  .string()
  .regex(/^[\p{L}\p{N}\p{M}_ '-]+$/u, "Name can have letters, digits, _, -, ' and spaces")
const Timezone = z.string().refine(isTimezone, 'is not a time zone that this server knows')
const Secrets = z.record(z.string(), z.string()).nullish()

/** What a new agent and a change of one have in common. */
const shared = {
  tool_ids: z.array(id('tool')).nullish(),
  block_ids: z.array(id('block')).nullish(),
  source_ids: names,
  folder_ids: names,
  identity_ids: names,
  tool_rules: z.array(ToolRule).nullish(),
  tags: names,
  system: text,
  description: text,
  metadata: AnyObject.nullish(),
  llm_config: LlmConfig.nullish(),
  embedding_config: EmbeddingConfig.nullish(),
  model: text,
  embedding: text,
  model_settings: ModelSettings.nullish(),
  compaction_settings: CompactionSettingsInput.nullish(),
  context_window_limit: z.int().min(1).max(INT_MAX).nullish(),
  max_tokens: tokens,
  reasoning: flag,
  parallel_tool_calls: flag,
  tool_exec_environment_variables: Secrets,
  secrets: Secrets,
  project_id: text,
  template_id: text,
  base_template_id: text,
  message_buffer_autoclear: flag,
  enable_sleeptime: flag,
  response_format: ResponseFormat.nullish(),
  timezone: Timezone.nullish(),
  max_files_open: z.int().min(1).nullish().openapi({ maximum: FILES_OPEN_MAX }),
  per_file_view_window_char_limit: z.int().min(1).nullish().openapi({ maximum: FILE_CHARS_MAX }),
  hidden: flag,
  prompt_refresh: z.enum(['on_change', 'deferred']).nullish(),
  fallback_models: z.array(z.string()).max(FALLBACKS_MAX).nullish(),
}

export const CreateAgent = z
  .object({
    ...shared,
    name: Name.nullish(),
    agent_type: z.enum(AGENT_TYPES).default('letta_v1_agent'),
    memory_blocks: z.array(CreateBlock).nullish(),
    tools: names,
    initial_message_sequence: z.array(MessageInput).nullish(),
    include_base_tools: z.boolean().default(true),
    include_multi_agent_tools: z.boolean().default(false),
    include_base_tool_rules: flag,
    enable_reasoner: flag,
    max_reasoning_tokens: tokens,
  })
  .openapi('CreateAgent')
export type CreateAgent = z.output<typeof CreateAgent>

export const UpdateAgent = z
  .object({
    ...shared,
    name: Name.nullish(),
    message_ids: z.array(id('message')).nullish(),
    last_run_completion: Moment.nullish(),
    last_run_duration_ms: z.int().min(0).nullish(),
    last_stop_reason: z.enum(STOP_REASON_NAMES).nullish(),
  })
  .openapi('UpdateAgent')
export type UpdateAgent = z.output<typeof UpdateAgent>
