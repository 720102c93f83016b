import type { ColumnType, Generated, GeneratedAlways, Kysely } from 'kysely'
import type { AgentType, CompactionSettings, PromptRefresh } from '../domain/agent.ts'
import type { MessagePolicy } from '../domain/conversation.ts'
import type { MessageType } from '../domain/frame.ts'
import type {
  AgentId,
  BlockId,
  ConversationId,
  MessageId,
  OrganizationId,
  ProcessId,
  RunId,
  StepId,
  ToolId,
  UserId,
} from '../domain/id.ts'
import type { InputItem } from '../domain/input.ts'
import type { BatchRequest, Job, JobId, JobStatus } from '../domain/job.ts'
import type { Json, JsonObject } from '../domain/json.ts'
import type {
  ApprovalAnswer,
  AssistantPart,
  Role,
  ToolCall,
  ToolReturn,
  UserPart,
} from '../domain/message.ts'
import type { EmbeddingConfig, LlmConfig, ResponseFormat, ToolSpec } from '../domain/model.ts'
import type { ModelSettings } from '../domain/model-settings.ts'
import type { RunStatus } from '../domain/run.ts'
import type { ScheduleId, Timing } from '../domain/schedule.ts'
import type { StepPhase, StepStatus, StoredReply, ToolExecution } from '../domain/step.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import type { ToolRule, ToolType } from '../domain/tool.ts'
import type { TurnRequest } from '../domain/turn.ts'
import type { Withheld } from '../domain/withheld.ts'
import type { StoredFrames } from './stored-frames.ts'
import type { Undo } from './undo.ts'

/**
 * The tables as the code sees them. Timestamps are text (RFC 3339, UTC, microseconds), never `Date`: see
 * `connection.ts`. JSON columns are read as values and written as text: a driver would take an array for an SQL array.
 */
type JsonColumn<Value> = ColumnType<Value, string, string>
type JsonOrNull<Value> = ColumnType<Value | null, string | null | undefined, string | null>
type JsonWithDefault<Value> = ColumnType<Value, string | undefined, string>

export type OrganizationsTable = {
  id: OrganizationId
  name: string
  privileged_tools: Generated<boolean>
  created_at: Generated<string>
}

export type UsersTable = {
  id: UserId
  organization_id: OrganizationId
  name: string
  created_at: Generated<string>
  updated_at: Generated<string>
  is_deleted: Generated<boolean>
}

export type ProcessesTable = {
  id: ProcessId
  started_at: Generated<string>
  lease_until: string
  description: string
}

export type AgentsTable = {
  organization_id: OrganizationId
  id: AgentId
  name: string
  agent_type: AgentType
  system: string
  description: string | null
  metadata: JsonOrNull<JsonObject>
  llm_config: JsonColumn<LlmConfig>
  embedding_config: JsonOrNull<EmbeddingConfig>
  model_handle: string | null
  embedding_handle: string | null
  compaction_settings: JsonOrNull<Partial<CompactionSettings>>
  response_format: JsonOrNull<ResponseFormat>
  tool_rules: JsonWithDefault<ToolRule[]>
  timezone: Generated<string>
  prompt_refresh: PromptRefresh | null
  fallback_models: JsonWithDefault<string[]>
  message_buffer_autoclear: Generated<boolean>
  enable_sleeptime: boolean | null
  max_files_open: number | null
  per_file_view_window_char_limit: number | null
  hidden: boolean | null
  project_id: string | null
  template_id: string | null
  base_template_id: string | null
  deployment_id: string | null
  entity_id: string | null
  last_stop_reason: StopReason | null
  last_run_completion: string | null
  last_run_duration_ms: number | null
  last_run_order: Generated<number>
  created_at: Generated<string>
  updated_at: Generated<string>
  created_by_id: string | null
  last_updated_by_id: string | null
  deleted_at: string | null
}

export type AgentTagsTable = {
  organization_id: OrganizationId
  agent_id: AgentId
  tag: string
}

export type AgentSecretsTable = {
  organization_id: OrganizationId
  agent_id: AgentId
  key: string
  id: string
  value_encrypted: string
  description: string | null
  ordinal: GeneratedAlways<number>
  created_at: Generated<string>
  updated_at: Generated<string>
}

export type BlocksTable = {
  organization_id: OrganizationId
  id: BlockId
  label: string | null
  value: string
  char_limit: Generated<number>
  description: string | null
  metadata: JsonOrNull<JsonObject>
  read_only: Generated<boolean>
  hidden: boolean | null
  is_template: Generated<boolean>
  template_name: string | null
  template_id: string | null
  base_template_id: string | null
  deployment_id: string | null
  entity_id: string | null
  preserve_on_migration: boolean | null
  project_id: string | null
  version: Generated<number>
  last_writer: string | null
  created_at: Generated<string>
  updated_at: Generated<string>
  created_by_id: string | null
  last_updated_by_id: string | null
}

export type BlockHistoryTable = {
  organization_id: OrganizationId
  block_id: BlockId
  version: number
  label: string | null
  value: string
  description: string | null
  writer: string | null
  written_at: Generated<string>
}

export type BlockTagsTable = {
  organization_id: OrganizationId
  block_id: BlockId
  tag: string
}

export type AgentBlocksTable = {
  organization_id: OrganizationId
  agent_id: AgentId
  block_id: BlockId
  label: string
  ordinal: GeneratedAlways<number>
}

export type ToolsTable = {
  organization_id: OrganizationId
  id: ToolId
  name: string
  tool_type: ToolType
  description: string | null
  source_type: string | null
  source_code: string | null
  json_schema: JsonOrNull<JsonObject>
  args_json_schema: JsonOrNull<JsonObject>
  tags: JsonWithDefault<string[]>
  return_char_limit: Generated<number>
  pip_requirements: JsonOrNull<JsonObject>
  npm_requirements: JsonOrNull<JsonObject>
  default_requires_approval: boolean | null
  enable_parallel_execution: boolean | null
  metadata: JsonOrNull<JsonObject>
  project_id: string | null
  created_at: Generated<string>
  updated_at: Generated<string>
  created_by_id: string | null
  last_updated_by_id: string | null
}

export type AgentToolsTable = {
  organization_id: OrganizationId
  agent_id: AgentId
  tool_id: ToolId
  ordinal: GeneratedAlways<number>
}

export type ConversationsTable = {
  organization_id: OrganizationId
  id: ConversationId
  agent_id: AgentId
  is_default: Generated<boolean>
  summary: string | null
  model: string | null
  model_settings: JsonOrNull<ModelSettings>
  message_policy: MessagePolicy | null
  context_epoch: Generated<number>
  context_length: Generated<number>
  context_tokens: number | null
  token_calibration: number | null
  message_count: Generated<number>
  proven_ordinal: Generated<number>
  withheld: ColumnType<Withheld | null, string | null | undefined, string | null>
  prompt_basis: string | null
  prompt_compiled_at: string | null
  compaction_failed_at: number | null
  queue_tail: Generated<number>
  last_message_at: string | null
  last_run_completion: string | null
  created_at: Generated<string>
  updated_at: Generated<string>
  created_by_id: string | null
  last_updated_by_id: string | null
  deleted_at: string | null
}

export type ConversationBlocksTable = {
  organization_id: OrganizationId
  conversation_id: ConversationId
  block_id: BlockId
  label: string
}

export type MessagesTable = {
  organization_id: OrganizationId
  id: MessageId
  agent_id: AgentId
  conversation_id: ConversationId
  role: Role
  content: JsonOrNull<(UserPart | AssistantPart)[]>
  tool_calls: JsonOrNull<ToolCall[]>
  tool_returns: JsonOrNull<ToolReturn[]>
  answers: JsonOrNull<ApprovalAnswer[]>
  call_ids: string[] | null
  search_text: string | null
  otid: string | null
  step_id: StepId | null
  run_id: RunId | null
  sender_id: string | null
  group_id: string | null
  name: string | null
  model: string | null
  is_err: Generated<boolean>
  sequence_id: GeneratedAlways<number>
  created_at: Generated<string>
  updated_at: Generated<string>
  deleted_at: string | null
}

export type ContextItemsTable = {
  organization_id: OrganizationId
  conversation_id: ConversationId
  epoch: number
  ordinal: number
  message_id: MessageId
}

export type RunsTable = {
  organization_id: OrganizationId
  id: RunId
  agent_id: AgentId
  conversation_id: ConversationId
  in_default_conversation: boolean
  status: Generated<RunStatus>
  stop_reason: StopReason | null
  background: Generated<boolean>
  metadata: JsonOrNull<JsonObject>
  request_config: JsonOrNull<JsonObject>
  request: JsonOrNull<TurnRequest>
  callback_url: string | null
  callback_sent_at: string | null
  callback_status_code: number | null
  callback_error: string | null
  ttft_ns: number | null
  lease_owner: ProcessId | null
  lease_epoch: Generated<number>
  attempts: Generated<number>
  holds_turn: Generated<boolean>
  queue_pos: number | null
  seq_reserved: Generated<number>
  parent_run_id: RunId | null
  answers_run_id: RunId | null
  journal_version: Generated<number>
  /** The turn is over and saved; the run ends so once the compaction after it is done. */
  concluded_with: StopReason | null
  created_order: GeneratedAlways<number>
  body_hash: string | null
  response_sent_at: string | null
  events_purged_at: string | null
  created_at: Generated<string>
  completed_at: string | null
  project_id: string | null
  base_template_id: string | null
  template_id: string | null
  deployment_id: string | null
  created_by_id: UserId | null
  last_updated_by_id: string | null
}

export type RunMetricsTable = {
  organization_id: OrganizationId
  id: RunId
  agent_id: AgentId
  project_id: string | null
  base_template_id: string | null
  template_id: string | null
  run_start_ns: number
  run_ns: number | null
  num_steps: Generated<number>
  tools_used: string[] | null
  /** The run's. */
  created_at: Generated<string>
}

export type RunEventsTable = {
  organization_id: OrganizationId
  run_id: RunId
  seq: number
  seq_last: number
  payload: JsonColumn<StoredFrames>
  created_at: Generated<string>
}

export type OpenApprovalsTable = {
  organization_id: OrganizationId
  conversation_id: ConversationId
  message_id: MessageId
  run_id: RunId
  step_id: StepId
  calls: JsonColumn<ToolCall[]>
  client_tools: JsonColumn<ToolSpec[]>
  created_at: Generated<string>
}

export type IdempotencyKeysTable = {
  organization_id: OrganizationId
  conversation_id: ConversationId
  key: string
  run_id: RunId
  request_hash: string
  created_at: Generated<string>
}

export type StepsTable = {
  organization_id: OrganizationId
  id: StepId
  run_id: RunId | null
  agent_id: AgentId
  conversation_id: ConversationId
  index: number
  status: Generated<StepStatus>
  phase: Generated<StepPhase>
  attempt: Generated<number>
  provider_name: string | null
  provider_category: string | null
  model: string | null
  model_handle: string | null
  model_endpoint: string | null
  context_window_limit: number | null
  prompt_tokens: Generated<number>
  completion_tokens: Generated<number>
  total_tokens: Generated<number>
  cached_input_tokens: number | null
  cache_write_tokens: number | null
  reasoning_tokens: number | null
  prompt_tokens_details: JsonOrNull<JsonObject>
  completion_tokens_details: JsonOrNull<JsonObject>
  reply: JsonOrNull<StoredReply>
  stop_reason: StopReason | null
  tags: JsonWithDefault<string[]>
  tid: string | null
  trace_id: string | null
  request_id: string | null
  feedback: string | null
  error_type: string | null
  error_data: JsonOrNull<JsonObject>
  project_id: string | null
  created_at: Generated<string>
  updated_at: Generated<string>
}

export type StepMetricsTable = {
  organization_id: OrganizationId
  id: StepId
  run_id: RunId | null
  agent_id: AgentId
  project_id: string | null
  base_template_id: string | null
  step_start_ns: number | null
  llm_request_start_ns: number | null
  llm_request_ns: number | null
  tool_execution_ns: number | null
  step_ns: number | null
}

export type ToolExecutionsTable = {
  organization_id: OrganizationId
  step_id: StepId
  tool_call_id: string
  run_id: RunId
  tool_id: ToolId | null
  name: string
  arguments: string
  execution_id: string
  state: ToolExecution['state']
  attempt: Generated<number>
  result: JsonOrNull<ToolReturn>
  started_at: Generated<string>
  finished_at: string | null
}

export type ProviderTracesTable = {
  organization_id: OrganizationId
  id: string
  step_id: StepId | null
  run_id: RunId | null
  agent_id: AgentId | null
  call_type: string
  request_json: JsonOrNull<Json>
  response_json: JsonOrNull<Json>
  llm_config: JsonOrNull<LlmConfig>
  created_at: Generated<string>
}

export type GroupsTable = {
  organization_id: OrganizationId
  id: string
  manager_type: string
  manager_agent_id: AgentId | null
  agent_ids: JsonWithDefault<AgentId[]>
  description: Generated<string>
  project_id: string | null
  sleeptime_agent_frequency: number | null
  turns_counter: number | null
  last_processed_message_id: MessageId | null
  max_turns: number | null
  termination_token: string | null
  hidden: boolean | null
  created_at: Generated<string>
  updated_at: Generated<string>
}

export type TendedScopesTable = {
  organization_id: OrganizationId
  group_id: string
  conversation_id: ConversationId
  up_to: number
}

export type JobsTable = {
  organization_id: OrganizationId
  id: JobId
  user_id: UserId
  job_type: Generated<Job['jobType']>
  status: Generated<JobStatus>
  metadata: JsonOrNull<JsonObject>
  agent_id: AgentId | null
  callback_url: string | null
  callback_sent_at: string | null
  callback_status_code: number | null
  callback_error: string | null
  stop_reason: string | null
  background: boolean | null
  ttft_ns: number | null
  total_duration_ns: number | null
  created_at: Generated<string>
  updated_at: Generated<string>
  completed_at: string | null
  created_by_id: string | null
  last_updated_by_id: string | null
}

export type BatchRequestsTable = {
  organization_id: OrganizationId
  job_id: JobId
  index: number
  agent_id: AgentId
  request: JsonColumn<BatchRequest>
  run_id: RunId | null
  error: string | null
}

export type SchedulesTable = {
  organization_id: OrganizationId
  id: ScheduleId
  agent_id: AgentId
  created_by_id: UserId
  timing: JsonColumn<Timing>
  input: JsonColumn<InputItem[]>
  steps_max: number
  return_types: JsonOrNull<MessageType[]>
  callback_url: string | null
  next_at: string | null
  created_at: Generated<string>
}

export type RepairsTable = {
  id: GeneratedAlways<number>
  check_name: string
  subject: string
  text: string
  undo: JsonOrNull<Undo[]>
  repaired_at: Generated<string>
  undone_at: string | null
}

export type ServerFactsTable = {
  name: string
  value: JsonColumn<Json>
}

export type Database = {
  organizations: OrganizationsTable
  users: UsersTable
  processes: ProcessesTable
  agents: AgentsTable
  agent_tags: AgentTagsTable
  agent_secrets: AgentSecretsTable
  blocks: BlocksTable
  block_history: BlockHistoryTable
  block_tags: BlockTagsTable
  agent_blocks: AgentBlocksTable
  tools: ToolsTable
  agent_tools: AgentToolsTable
  conversations: ConversationsTable
  conversation_blocks: ConversationBlocksTable
  messages: MessagesTable
  context_items: ContextItemsTable
  runs: RunsTable
  run_metrics: RunMetricsTable
  run_events: RunEventsTable
  open_approvals: OpenApprovalsTable
  idempotency_keys: IdempotencyKeysTable
  steps: StepsTable
  step_metrics: StepMetricsTable
  tool_executions: ToolExecutionsTable
  provider_traces: ProviderTracesTable
  groups: GroupsTable
  tended_scopes: TendedScopesTable
  jobs: JobsTable
  batch_requests: BatchRequestsTable
  schedules: SchedulesTable
  repairs: RepairsTable
  server_facts: ServerFactsTable
}

/** The pool or a transaction. Store functions take it first and have no other handle. */
export type Db = Kysely<Database>
