import type { AgentId, ConversationId, OrganizationId } from './id.ts'
import type { Block } from './memory.ts'
import type { LlmConfig, ResponseFormat } from './model.ts'
import type { ModelSettings } from './model-settings.ts'
import type { ToolRecord, ToolRule } from './tool.ts'
import type { Withheld } from './withheld.ts'

export const AGENT_TYPES = [
  'memgpt_agent',
  'memgpt_v2_agent',
  'letta_v1_agent',
  'react_agent',
  'workflow_agent',
  'split_thread_agent',
  'sleeptime_agent',
  'voice_convo_agent',
  'voice_sleeptime_agent',
] as const
export type AgentType = (typeof AGENT_TYPES)[number]

export const COMPACTION_MODES = [
  'all',
  'sliding_window',
  'self_compact_all',
  'self_compact_sliding_window',
] as const
export type CompactionMode = (typeof COMPACTION_MODES)[number]

/** The old server's `compaction_settings`, in its wire names. Null means: decided at use. */
export type CompactionSettings = {
  model: string | null
  model_settings: ModelSettings | null
  prompt: string | null
  prompt_acknowledgement: boolean
  /** Characters of a summary. Null: no bound. */
  clip_chars: number | null
  mode: CompactionMode
  /** Share of the context that is summarised first, 0–1. */
  sliding_window_percentage: number
}

export type PromptRefresh = 'on_change' | 'deferred'

/** All of an agent that a step depends on, read in one picture at the step's start. */
export type Agent = {
  id: AgentId
  organizationId: OrganizationId
  name: string
  agentType: AgentType
  /** The prompt's template, before memory is rendered into it. */
  system: string
  config: LlmConfig
  responseFormat: ResponseFormat | null
  toolRules: ToolRule[]
  tools: ToolRecord[]
  /** In the order in which they were attached. Isolated blocks of the conversation stand in for those of the same label. */
  blocks: Block[]
  /** IANA zone. */
  timezone: string
  messageBufferAutoclear: boolean
  compactionSettings: Partial<CompactionSettings> | null
  promptRefresh: PromptRefresh
  /** Handles of models that stand in, in this order, while the agent's own cannot be had. */
  fallbackModels: string[]
  groupId: string | null
}

/** All of an agent that its prompt is compiled from, and when. */
export type PromptedAgent = Pick<
  Agent,
  'id' | 'agentType' | 'system' | 'config' | 'toolRules' | 'blocks' | 'timezone' | 'promptRefresh'
>

/** What a scope (one conversation) knows of its own context. */
export type Scope = {
  conversationId: ConversationId
  isDefault: boolean
  /** Raised whenever the context list is replaced (compaction, reset), not by appends. */
  contextEpoch: number
  /** Items in the context list. */
  contextLength: number
  /** Messages ever stored in this conversation. */
  messageCount: number
  /** Tokens that the context was last estimated to have; null: never estimated. */
  contextTokens: number | null
  /** Reported tokens per estimated token; null: nothing was reported yet. */
  tokenCalibration: number | null
  /** What the system message was compiled from; null: unknown, compile again. */
  promptBasis: string | null
  /** When the system message's text last changed, RFC 3339. */
  promptCompiledAt: string | null
  /** Context length at which a compaction last failed to help; it is not tried again before a tenth more. */
  compactionFailedAt: number | null
  /** The last item of the context list that a provider has taken; those behind it may be why it refuses a request. */
  provenOrdinal: number
  /** What a provider has refused: it gets a note in its place. */
  withheld: Withheld
}
