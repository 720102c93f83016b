import { type Selectable, sql } from 'kysely'
import type { AgentType, Scope } from '../domain/agent.ts'
import type { MessagePolicy } from '../domain/conversation.ts'
import { Fault } from '../domain/fault.ts'
import type { AgentId, ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import type { LlmConfig } from '../domain/model.ts'
import type { ModelSettings } from '../domain/model-settings.ts'
import { WITHHELD_NONE } from '../domain/withheld.ts'
import type { ConversationsTable, Db, OpenApprovalsTable } from './schema.ts'
import { statement } from './statement.ts'

export type ScopeRow = Selectable<ConversationsTable>

/** All of them. */
export const SCOPE_ROW_COLUMNS = Object.keys({
  organization_id: 1,
  id: 1,
  agent_id: 1,
  is_default: 1,
  summary: 1,
  model: 1,
  model_settings: 1,
  message_policy: 1,
  context_epoch: 1,
  context_length: 1,
  context_tokens: 1,
  token_calibration: 1,
  message_count: 1,
  proven_ordinal: 1,
  withheld: 1,
  prompt_basis: 1,
  prompt_compiled_at: 1,
  compaction_failed_at: 1,
  queue_tail: 1,
  last_message_at: 1,
  last_run_completion: 1,
  created_at: 1,
  updated_at: 1,
  created_by_id: 1,
  last_updated_by_id: 1,
  deleted_at: 1,
} satisfies Record<keyof ScopeRow, 1>).map(
  (name) => `conversations.${name}` as `conversations.${keyof ScopeRow}`,
)

/** Which scope it is. */
export type ScopeKey = Pick<ScopeRow, 'organization_id' | 'id'>
export type OpenApproval = Selectable<OpenApprovalsTable>

/**
 * Locks a scope: everything that starts, ends, cancels or replaces a turn begins with it, so that two of them meet here.
 * Lock order: scope, run, step, ledger, blocks by id, agent.
 * Faults: not_found for a deleted one, unless `deletedToo`.
 */
export async function lockScope(
  tx: Db,
  organizationId: OrganizationId,
  id: ConversationId,
  deletedToo = false,
): Promise<ScopeRow> {
  const [row] = await selectLocked(tx, { organization_id: organizationId, id })
  if (!row || (row.deleted_at && !deletedToo))
    throw new Fault('not_found', `Conversation not found with id='['${id}']'`)
  return row
}

const selectLocked = statement((db, scope: ScopeKey) =>
  db
    .selectFrom('conversations')
    .where('organization_id', '=', scope.organization_id)
    .where('id', '=', scope.id)
    .select(SCOPE_ROW_COLUMNS)
    .forNoKeyUpdate(),
)

/** Locks all scopes of an agent, in the order of their ids. */
export async function lockScopesOf(tx: Db, organizationId: OrganizationId, agentId: AgentId): Promise<void> {
  await tx
    .selectFrom('conversations')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
    .orderBy('id')
    .select('id')
    .forNoKeyUpdate()
    .execute()
}

export type ScopeFacts = {
  /** The run that holds the turn. */
  activeRunId: RunId | null
  openApproval: OpenApproval | null
  waitingCount: number
}

/** What stands in a scope. Read it behind the lock, in a statement of its own: before, it may be old. */
export async function readScopeFacts(tx: Db, scope: ScopeKey): Promise<ScopeFacts> {
  const [facts] = await selectFacts(tx, { organization_id: scope.organization_id, id: scope.id })
  if (!facts) throw new Error('the database gave no facts')
  const { activeRunId, waitingCount, hasApproval } = facts
  const open = hasApproval ? await findOpenApproval(tx, scope) : undefined
  return { activeRunId, waitingCount, openApproval: open ?? null }
}

const selectFacts = statement((db, scope: ScopeKey) =>
  db.selectNoFrom((query) => [
    runsOf(query, scope)
      .where('status', 'in', ['created', 'running'])
      .where('holds_turn', '=', true)
      .select('id')
      .as('activeRunId'),
    runsOf(query, scope)
      // By the index of these alone: a conversation may have had many thousands.
      .where('status', '=', 'created')
      .where('holds_turn', '=', false)
      .select((run) => run.fn.countAll<number>().as('count'))
      .$asScalar()
      .$notNull()
      .as('waitingCount'),
    query.exists(openApprovals(query, scope).select('message_id')).as('hasApproval'),
  ]),
)

function runsOf(db: Pick<Db, 'selectFrom'>, scope: ScopeKey) {
  return db
    .selectFrom('runs')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
}

function openApprovals(db: Pick<Db, 'selectFrom'>, scope: ScopeKey) {
  return db
    .selectFrom('open_approvals')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
}

export async function findOpenApproval(db: Db, scope: ScopeKey): Promise<OpenApproval | undefined> {
  return openApprovals(db, scope).selectAll().executeTakeFirst()
}

/** What a turn needs to know of its scope. */
export const SCOPE_COLUMNS = [
  'conversations.id',
  'conversations.is_default',
  'conversations.context_epoch',
  'conversations.context_length',
  'conversations.message_count',
  'conversations.context_tokens',
  'conversations.token_calibration',
  'conversations.prompt_basis',
  'conversations.prompt_compiled_at',
  'conversations.compaction_failed_at',
  'conversations.proven_ordinal',
  'conversations.withheld',
] as const

type ColumnOf<Name> = Name extends `conversations.${infer Column extends keyof ScopeRow}` ? Column : never

export function toScope(row: Pick<ScopeRow, ColumnOf<(typeof SCOPE_COLUMNS)[number]>>): Scope {
  return {
    conversationId: row.id,
    isDefault: row.is_default,
    contextEpoch: row.context_epoch,
    contextLength: row.context_length,
    messageCount: row.message_count,
    contextTokens: row.context_tokens,
    tokenCalibration: row.token_calibration,
    promptBasis: row.prompt_basis,
    promptCompiledAt: row.prompt_compiled_at,
    compactionFailedAt: row.compaction_failed_at,
    provenOrdinal: row.proven_ordinal,
    withheld: row.withheld ?? WITHHELD_NONE,
  }
}

export async function findScope(
  db: Db,
  organizationId: OrganizationId,
  id: ConversationId,
): Promise<ScopeRow | undefined> {
  return db
    .selectFrom('conversations')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .executeTakeFirst()
}

/** What a send needs to know of its agent, and which conversation it goes to. */
export type Target = {
  agentId: AgentId
  agentType: AgentType
  conversationId: ConversationId
  isDefault: boolean
  config: LlmConfig
  timezone: string
  projectId: string | null
  templateId: string | null
  baseTemplateId: string | null
  /** The conversation's own model; null: the agent's. */
  conversationModel: string | null
  /** Its own settings of the model, in the words of a provider; null: the agent's. */
  conversationSettings: ModelSettings | null
  messagePolicy: MessagePolicy | null
}

/** The default conversation of an agent. Faults: not_found. */
export async function getAgentTarget(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
): Promise<Target> {
  const [row] = await selectAgentTarget(db, { organizationId, agentId })
  if (!row) throw new Fault('not_found', `Agent with ID ${agentId} not found`)
  return toTarget(row)
}

/** Faults: not_found. */
export async function getConversationTarget(
  db: Db,
  organizationId: OrganizationId,
  id: ConversationId,
): Promise<Target> {
  const [row] = await selectConversationTarget(db, { organizationId, id })
  if (!row) throw new Fault('not_found', `Conversation not found with id='['${id}']'`)
  return toTarget(row)
}

type TargetArgs<Id extends object> = { organizationId: OrganizationId } & Id

const selectAgentTarget = statement((db, args: TargetArgs<{ agentId: AgentId }>) =>
  targets(db, args.organizationId)
    .where('agents.id', '=', args.agentId)
    .where('conversations.is_default', '=', true),
)

const selectConversationTarget = statement((db, args: TargetArgs<{ id: ConversationId }>) =>
  targets(db, args.organizationId).where('conversations.id', '=', args.id),
)

function targets(db: Db, organizationId: OrganizationId) {
  return db
    .selectFrom('conversations')
    .innerJoin('agents', (join) =>
      join
        .onRef('agents.organization_id', '=', 'conversations.organization_id')
        .onRef('agents.id', '=', 'conversations.agent_id'),
    )
    .where('conversations.organization_id', '=', organizationId)
    .where('conversations.deleted_at', 'is', null)
    .where('agents.deleted_at', 'is', null)
    .select([
      'agents.id as agent_id',
      'agents.agent_type',
      'agents.llm_config',
      'agents.timezone',
      'agents.project_id',
      'agents.template_id',
      'agents.base_template_id',
      'conversations.id',
      'conversations.is_default',
      'conversations.model',
      'conversations.model_settings',
      'conversations.message_policy',
    ])
}

function toTarget(row: Awaited<ReturnType<ReturnType<typeof targets>['executeTakeFirstOrThrow']>>): Target {
  return {
    agentId: row.agent_id,
    agentType: row.agent_type,
    conversationId: row.id,
    isDefault: row.is_default,
    config: row.llm_config,
    timezone: row.timezone,
    projectId: row.project_id,
    templateId: row.template_id,
    baseTemplateId: row.base_template_id,
    conversationModel: row.model,
    conversationSettings: row.model_settings,
    messagePolicy: row.message_policy,
  }
}

/** Remembers what a scope's system message was compiled from. */
export async function savePromptBasis(tx: Db, scope: ScopeRow, basis: string): Promise<void> {
  await tx
    .updateTable('conversations')
    .set({ prompt_basis: basis, prompt_compiled_at: sql<string>`now()` })
    .where('organization_id', '=', scope.organization_id)
    .where('id', '=', scope.id)
    .execute()
}
