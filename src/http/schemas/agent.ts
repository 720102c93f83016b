import { z } from '@hono/zod-openapi'
import { AGENT_TYPES } from '../../domain/agent.ts'
import type { StopReason } from '../../domain/stop-reason.ts'
import { STOP_REASONS } from '../../domain/stop-reason.ts'
import { ShownObject, Timestamp } from './basics.ts'
import { Block } from './block.ts'
import { CompactionSettings } from './compaction-settings.ts'
import { EmbeddingConfig, LlmConfig } from './llm-config.ts'
import { ResponseFormat } from './response-format.ts'
import { Tool } from './tool.ts'

export const AGENT_INCLUDES = [
  'agent.blocks',
  'agent.identities',
  'agent.managed_group',
  'agent.pending_approval',
  'agent.secrets',
  'agent.sources',
  'agent.tags',
  'agent.tools',
] as const
export type AgentInclude = (typeof AGENT_INCLUDES)[number]

// The keys of a table are its own literals.
export const STOP_REASON_NAMES = Object.keys(STOP_REASONS) as [StopReason, ...StopReason[]]

const text = z.string().nullable()

export const Secret = z
  .object({
    created_by_id: text,
    last_updated_by_id: text,
    created_at: text,
    updated_at: text,
    id: z.string(),
    key: z.string(),
    value: z.string(),
    description: text,
    organization_id: text,
    value_enc: text,
    agent_id: z.string(),
  })
  .openapi('AgentEnvironmentVariable')
export type Secret = z.output<typeof Secret>

export const Memory = z
  .object({
    agent_type: z.string().nullable(),
    git_enabled: z.boolean(),
    blocks: z.array(Block),
    file_blocks: z.array(ShownObject),
    prompt_template: z.string(),
  })
  .openapi('Memory')
export type Memory = z.output<typeof Memory>

/** An agent as it is shown. Relations are empty unless they were asked for. */
export const AgentState = z
  .object({
    created_by_id: text,
    last_updated_by_id: text,
    created_at: Timestamp,
    updated_at: Timestamp,
    id: z.string(),
    name: z.string(),
    tool_rules: z.array(ShownObject),
    message_ids: z.array(z.string()),
    system: z.string(),
    agent_type: z.enum(AGENT_TYPES),
    llm_config: LlmConfig,
    embedding_config: EmbeddingConfig.nullable(),
    model: text,
    embedding: text,
    model_settings: ShownObject.nullable(),
    compaction_settings: CompactionSettings,
    response_format: ResponseFormat.nullable(),
    description: text,
    metadata: ShownObject.nullable(),
    memory: Memory,
    blocks: z.array(Block),
    tools: z.array(Tool),
    sources: z.array(ShownObject),
    tags: z.array(z.string()),
    tool_exec_environment_variables: z.array(Secret),
    secrets: z.array(Secret),
    project_id: text,
    template_id: text,
    base_template_id: text,
    deployment_id: text,
    entity_id: text,
    identity_ids: z.array(z.string()),
    identities: z.array(ShownObject),
    pending_approval: ShownObject.nullable(),
    message_buffer_autoclear: z.boolean(),
    enable_sleeptime: z.boolean().nullable(),
    multi_agent_group: ShownObject.nullable(),
    managed_group: ShownObject.nullable(),
    last_run_completion: text,
    last_run_duration_ms: z.int().nullable(),
    last_stop_reason: z.enum(STOP_REASON_NAMES).nullable(),
    timezone: z.string(),
    max_files_open: z.int(),
    per_file_view_window_char_limit: z.int(),
    hidden: z.boolean().nullable(),
    prompt_refresh: z.enum(['on_change', 'deferred']).nullable(),
    fallback_models: z.array(z.string()),
  })
  .openapi('AgentState')
export type AgentState = z.output<typeof AgentState>
