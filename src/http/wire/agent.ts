import type { CompactionSettings } from '../../domain/agent.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { Message } from '../../domain/message.ts'
import type { LlmConfig } from '../../domain/model.ts'
import { PLAIN_VIEWS, viewsOf } from '../../domain/view.ts'
import { openText } from '../../lib/sealed-text.ts'
import type { AgentRelations } from '../../store/agent-relations.ts'
import type { AgentRow } from '../../store/agents.ts'
import type { SecretRow } from '../../store/secrets.ts'
import type { HttpDeps } from '../deps.ts'
import type { AgentState, Memory, Secret } from '../schemas/agent.ts'
import { toWireBlock } from './block.ts'
import { toWireGroup } from './group.ts'
import { toWireMessage } from './message.ts'
import { toModelSettings, toWireSettings } from './model-settings.ts'
import { toWireTool } from './tool.ts'

/** An agent as clients read it: every field, nulls included. */
export function toWireAgent(row: AgentRow, relations: AgentRelations, deps: HttpDeps): AgentState {
  const secrets = relations.secrets.map((secret) => toWireSecret(secret, deps.settings.sealKey))
  const memory = toWireMemory(row, relations)
  const files = fileLimits(row.llm_config.context_window)
  return {
    ...toWireFacts(row),
    tool_rules: row.tool_rules.map((rule) => ({ prompt_template: null, ...rule })),
    message_ids: relations.messageIds,
    llm_config: row.llm_config,
    embedding_config: row.embedding_config,
    model: row.llm_config.handle,
    embedding: row.embedding_config?.handle ?? null,
    model_settings: toModelSettings(row.llm_config),
    compaction_settings: toWireCompaction(row, deps),
    response_format: row.response_format,
    memory,
    blocks: memory.blocks,
    tools: relations.tools.map(toWireTool),
    sources: [],
    tags: relations.tags,
    tool_exec_environment_variables: secrets,
    secrets,
    identity_ids: [],
    identities: [],
    pending_approval: relations.pendingApproval && toWireApproval(relations.pendingApproval),
    multi_agent_group: relations.managedGroup && toWireGroup(relations.managedGroup),
    managed_group: relations.managedGroup && toWireGroup(relations.managedGroup),
    max_files_open: row.max_files_open ?? files.filesOpen,
    per_file_view_window_char_limit: row.per_file_view_window_char_limit ?? files.windowChars,
  }
}

/** What is shown as it is stored. */
function toWireFacts(row: AgentRow) {
  return {
    created_by_id: row.created_by_id,
    last_updated_by_id: row.last_updated_by_id,
    created_at: row.created_at,
    updated_at: row.updated_at,
    id: row.id,
    name: row.name,
    system: row.system,
    agent_type: row.agent_type,
    description: row.description,
    metadata: row.metadata,
    project_id: row.project_id,
    template_id: row.template_id,
    base_template_id: row.base_template_id,
    deployment_id: row.deployment_id,
    entity_id: row.entity_id,
    message_buffer_autoclear: row.message_buffer_autoclear,
    enable_sleeptime: row.enable_sleeptime,
    last_run_completion: row.last_run_completion,
    last_run_duration_ms: row.last_run_duration_ms,
    last_stop_reason: row.last_stop_reason,
    timezone: row.timezone,
    hidden: row.hidden,
    prompt_refresh: row.prompt_refresh,
    fallback_models: row.fallback_models,
  }
}

export function toWireMemory(row: AgentRow, { blocks }: Pick<AgentRelations, 'blocks'>): Memory {
  return {
    agent_type: row.agent_type,
    git_enabled: false,
    blocks: blocks.map(toWireBlock),
    file_blocks: [],
    prompt_template: '',
  }
}

const CLIP_CHARS_DEFAULT = 50_000
const WINDOW_SHARE_DEFAULT = 0.3

/** The settings as they would be used now: what the agent leaves open is filled in. */
export function toWireCompaction(
  agent: { compaction_settings: Partial<CompactionSettings> | null; llm_config: LlmConfig },
  deps: Pick<HttpDeps, 'compactionDefaults'>,
): CompactionSettings {
  const settings = agent.compaction_settings ?? {}
  const mode = settings.mode ?? 'sliding_window'
  const defaults = deps.compactionDefaults(agent.llm_config, mode)
  return {
    model: settings.model ?? defaults.model,
    model_settings: settings.model_settings ? toWireSettings(settings.model_settings) : null,
    prompt: settings.prompt ?? defaults.prompt,
    prompt_acknowledgement: settings.prompt_acknowledgement ?? false,
    clip_chars: settings.clip_chars === undefined ? CLIP_CHARS_DEFAULT : settings.clip_chars,
    mode,
    sliding_window_percentage: settings.sliding_window_percentage ?? WINDOW_SHARE_DEFAULT,
  }
}

function toWireSecret(row: SecretRow, sealKey: Buffer): Secret {
  return {
    created_by_id: null,
    last_updated_by_id: null,
    created_at: null,
    updated_at: null,
    id: row.id,
    key: row.key,
    value: openText(row.value_encrypted, sealKey),
    description: row.description,
    organization_id: row.organization_id,
    value_enc: row.value_encrypted,
    agent_id: row.agent_id,
  }
}

function toWireApproval(request: Message): JsonObject | null {
  const view = viewsOf([request], PLAIN_VIEWS).find(({ type }) => type === 'approval_request_message')
  return view ? toWireMessage(view, null) : null
}

/** How many files an agent keeps open, and how much of each it sees, by the size of its context in tokens. */
const FILE_LIMITS = [
  { windowMax: 8_000, filesOpen: 3, windowChars: 5_000 },
  { windowMax: 32_000, filesOpen: 5, windowChars: 15_000 },
  { windowMax: 128_000, filesOpen: 10, windowChars: 25_000 },
  { windowMax: 200_000, filesOpen: 10, windowChars: 40_000 },
]
const FILE_LIMITS_LARGE = { filesOpen: 15, windowChars: 40_000 }

function fileLimits(contextWindow: number) {
  return FILE_LIMITS.find(({ windowMax }) => contextWindow <= windowMax) ?? FILE_LIMITS_LARGE
}
