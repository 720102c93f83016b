import { type Expression, type ExpressionBuilder, type Selectable, sql } from 'kysely'
import { jsonArrayFrom } from 'kysely/helpers/postgres'
import type { Agent, PromptedAgent, Scope } from '../domain/agent.ts'
import { Fault } from '../domain/fault.ts'
import type { AgentId, ConversationId, MessageId, OrganizationId } from '../domain/id.ts'
import type { Block } from '../domain/memory.ts'
import type { ToolRecord } from '../domain/tool.ts'
import { readKnownTools, type ToolRef } from './known-tools.ts'
import type { AgentsTable, BlocksTable, Database, Db } from './schema.ts'
import { SCOPE_COLUMNS, toScope } from './scopes.ts'
import { statement } from './statement.ts'

export type Picture = { agent: Agent; scope: Scope; projectId: string | null }

/**
 * All of an agent that one step depends on, as one statement sees it: what changes meanwhile counts from the next step.
 * Faults: not_found.
 */
export async function readPicture(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  conversationId: ConversationId,
): Promise<Picture> {
  const [row] = await selectPicture(db, { organizationId, agentId, conversationId })
  if (!row) throw new Fault('not_found', `Agent with ID ${agentId} not found`)
  const tools = await readKnownTools(db, organizationId, row.tools)
  return {
    agent: toAgent(row, organizationId, agentId, tools),
    scope: toScope(row),
    projectId: row.project_id,
  }
}

type PictureArgs = { organizationId: OrganizationId; agentId: AgentId; conversationId: ConversationId }

const selectPicture = statement((db, args: PictureArgs) =>
  db
    .selectFrom('agents')
    .innerJoin('conversations', (join) =>
      join
        .onRef('conversations.organization_id', '=', 'agents.organization_id')
        .on('conversations.id', '=', args.conversationId),
    )
    .where('agents.organization_id', '=', args.organizationId)
    .where('agents.id', '=', args.agentId)
    .where('agents.deleted_at', 'is', null)
    .select(AGENT_COLUMNS)
    .select(SCOPE_COLUMNS)
    .select((query) => [
      groupOf(query).as('group_id'),
      jsonArrayFrom(blocksOf(query, args.conversationId)).as('blocks'),
      jsonArrayFrom(toolsOf(query)).as('tools'),
    ]),
)

/** The prompt of a scope, by the message that holds it, with all that it is compiled from. */
export type PromptPicture = { messageId: MessageId; agent: PromptedAgent; scope: Scope }

/** Of messages: those that stand in front of a context. One statement reads them all, whosever they are. */
export async function readPromptPictures(
  db: Db,
  organizationId: OrganizationId,
  ids: MessageId[],
): Promise<PromptPicture[]> {
  const rows = await db
    .selectFrom('context_items')
    .innerJoin('conversations', (join) =>
      join
        .onRef('conversations.organization_id', '=', 'context_items.organization_id')
        .onRef('conversations.id', '=', 'context_items.conversation_id')
        .onRef('conversations.context_epoch', '=', 'context_items.epoch'),
    )
    .innerJoin('agents', (join) =>
      join
        .onRef('agents.organization_id', '=', 'conversations.organization_id')
        .onRef('agents.id', '=', 'conversations.agent_id'),
    )
    .where('context_items.organization_id', '=', organizationId)
    .where('context_items.message_id', '=', sql<MessageId>`any(${ids})`)
    .where('context_items.ordinal', '=', 0)
    .where('agents.deleted_at', 'is', null)
    .select(['context_items.message_id', 'conversations.agent_id', ...AGENT_COLUMNS, ...SCOPE_COLUMNS])
    .select((query) => [
      jsonArrayFrom(blocksOf(query, sql.ref<ConversationId>('conversations.id'))).as('blocks'),
    ])
    .execute()
  return rows.map((row) => ({
    messageId: row.message_id,
    agent: toPrompted(row, row.agent_id),
    scope: toScope(row),
  }))
}

const AGENT_COLUMNS = [
  'agents.name',
  'agents.agent_type',
  'agents.system',
  'agents.llm_config',
  'agents.response_format',
  'agents.tool_rules',
  'agents.timezone',
  'agents.message_buffer_autoclear',
  'agents.compaction_settings',
  'agents.prompt_refresh',
  'agents.fallback_models',
  'agents.project_id',
] as const

type AgentQuery = ExpressionBuilder<Database, 'agents'>

function groupOf(query: AgentQuery) {
  return query
    .selectFrom('groups')
    .whereRef('groups.organization_id', '=', 'agents.organization_id')
    .whereRef('groups.manager_agent_id', '=', 'agents.id')
    .select('groups.id')
    .limit(1)
}

/** The agent's blocks in the order of their attachment; a conversation's own block stands in for one of its label. */
function blocksOf(query: AgentQuery, conversationId: ConversationId | Expression<ConversationId>) {
  return query
    .selectFrom('agent_blocks as link')
    .leftJoin('conversation_blocks as isolated', (join) =>
      join
        .onRef('isolated.organization_id', '=', 'link.organization_id')
        .on('isolated.conversation_id', '=', conversationId)
        .onRef('isolated.label', '=', 'link.label'),
    )
    .innerJoin('blocks', (join) =>
      join
        .onRef('blocks.organization_id', '=', 'link.organization_id')
        .on('blocks.id', '=', (id) => id.fn.coalesce('isolated.block_id', 'link.block_id')),
    )
    .whereRef('link.organization_id', '=', 'agents.organization_id')
    .whereRef('link.agent_id', '=', 'agents.id')
    .orderBy('link.ordinal')
    .select((block) => [
      'blocks.id',
      block.fn.coalesce('isolated.label', 'link.label').as('label'),
      'blocks.value',
      'blocks.char_limit',
      'blocks.description',
      'blocks.read_only',
      'blocks.metadata',
      'blocks.version',
    ])
}

function toolsOf(query: AgentQuery) {
  return query
    .selectFrom('agent_tools as link')
    .innerJoin('tools', (join) =>
      join.onRef('tools.organization_id', '=', 'link.organization_id').onRef('tools.id', '=', 'link.tool_id'),
    )
    .whereRef('link.organization_id', '=', 'agents.organization_id')
    .whereRef('link.agent_id', '=', 'agents.id')
    .orderBy('link.ordinal')
    .select(['tools.id', sql<string>`tools.xmin::text`.as('version')])
}

type ColumnOf<Name> = Name extends `agents.${infer Column extends keyof AgentsTable}` ? Column : never
type AgentRow = Pick<Selectable<AgentsTable>, ColumnOf<(typeof AGENT_COLUMNS)[number]>> & {
  group_id: string | null
  blocks: BlockRow[]
  tools: ToolRef[]
}
type BlockRow = Pick<
  Selectable<BlocksTable>,
  'id' | 'value' | 'char_limit' | 'description' | 'read_only' | 'metadata' | 'version'
> & { label: string }

function toAgent(row: AgentRow, organizationId: OrganizationId, id: AgentId, tools: ToolRecord[]): Agent {
  return {
    ...toPrompted(row, id),
    organizationId,
    name: row.name,
    responseFormat: row.response_format,
    tools,
    messageBufferAutoclear: row.message_buffer_autoclear,
    compactionSettings: row.compaction_settings,
    fallbackModels: row.fallback_models,
    groupId: row.group_id,
  }
}

function toPrompted(row: Omit<AgentRow, 'group_id' | 'tools'>, id: AgentId): PromptedAgent {
  return {
    id,
    agentType: row.agent_type,
    system: row.system,
    config: row.llm_config,
    toolRules: row.tool_rules,
    blocks: row.blocks.map(toBlock),
    timezone: row.timezone,
    promptRefresh: row.prompt_refresh ?? 'on_change',
  }
}

function toBlock(row: BlockRow): Block {
  return {
    id: row.id,
    label: row.label,
    value: row.value,
    limit: row.char_limit,
    description: row.description,
    readOnly: row.read_only,
    metadata: row.metadata ?? {},
    version: row.version,
  }
}

/** The zone that an agent's times are written in, and the model that writes its answers. */
export async function readAgentClock(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
): Promise<{ timezone: string; model: string | null }> {
  const row = await db
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where('id', '=', agentId)
    .select(['timezone', 'llm_config'])
    .executeTakeFirst()
  return { timezone: row?.timezone ?? 'UTC', model: row?.llm_config.model ?? null }
}
