import { sql } from 'kysely'
import type { Agent, Scope } from '../domain/agent.ts'
import { Fault } from '../domain/fault.ts'
import type { AgentId, ConversationId, OrganizationId } from '../domain/id.ts'
import type { Block } from '../domain/memory.ts'
import type { ToolRecord } from '../domain/tool.ts'
import type { Db } from './schema.ts'
import { toScope } from './scopes.ts'

export type Picture = { agent: Agent; scope: Scope; projectId: string | null }

/**
 * All of an agent that one step depends on. Read together at the step's start: what changes meanwhile counts from the
 * next step.
 */
export async function readPicture(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  conversationId: ConversationId,
): Promise<Picture> {
  const [row, scope, blocks, tools] = await Promise.all([
    readAgentRow(db, organizationId, agentId),
    readScopeRow(db, organizationId, conversationId),
    readBlocks(db, organizationId, agentId, conversationId),
    readTools(db, organizationId, agentId),
  ])
  const agent: Agent = {
    id: row.id,
    organizationId,
    name: row.name,
    agentType: row.agent_type,
    system: row.system,
    config: row.llm_config,
    responseFormat: row.response_format,
    toolRules: row.tool_rules,
    tools,
    blocks,
    timezone: row.timezone,
    messageBufferAutoclear: row.message_buffer_autoclear,
    compactionSettings: row.compaction_settings,
    promptRefresh: row.prompt_refresh ?? 'on_change',
    groupId: row.group_id,
  }
  return { agent, scope, projectId: row.project_id }
}

async function readAgentRow(db: Db, organizationId: OrganizationId, agentId: AgentId) {
  const row = await db
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where('id', '=', agentId)
    .where('deleted_at', 'is', null)
    .select([
      'id',
      'name',
      'agent_type',
      'system',
      'llm_config',
      'response_format',
      'tool_rules',
      'timezone',
      'message_buffer_autoclear',
      'compaction_settings',
      'prompt_refresh',
      'project_id',
    ])
    .select((query) =>
      query
        .selectFrom('groups')
        .whereRef('groups.organization_id', '=', 'agents.organization_id')
        .whereRef('groups.manager_agent_id', '=', 'agents.id')
        .select('groups.id')
        .limit(1)
        .as('group_id'),
    )
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `Agent with ID ${agentId} not found`)
  return row
}

async function readScopeRow(
  db: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
): Promise<Scope> {
  const row = await db
    .selectFrom('conversations')
    .where('organization_id', '=', organizationId)
    .where('id', '=', conversationId)
    .selectAll()
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `Conversation not found with id='['${conversationId}']'`)
  return toScope(row)
}

/** The agent's blocks in the order of their attachment; a conversation's own block stands in for one of its label. */
async function readBlocks(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  conversationId: ConversationId,
): Promise<Block[]> {
  const { rows } = await sql<BlockColumns>`
    select blocks.id, coalesce(isolated.label, link.label) as label, blocks.value, blocks.char_limit,
      blocks.description, blocks.read_only, blocks.metadata, blocks.version
    from agent_blocks link
    left join conversation_blocks isolated on isolated.organization_id = link.organization_id
      and isolated.conversation_id = ${conversationId} and isolated.label = link.label
    join blocks on blocks.organization_id = link.organization_id
      and blocks.id = coalesce(isolated.block_id, link.block_id)
    where link.organization_id = ${organizationId} and link.agent_id = ${agentId}
    order by link.ordinal
  `.execute(db)
  return rows.map((row) => ({
    id: row.id,
    label: row.label,
    value: row.value,
    limit: row.char_limit,
    description: row.description,
    readOnly: row.read_only,
    metadata: row.metadata ?? {},
    version: row.version,
  }))
}

type BlockColumns = {
  id: Block['id']
  label: string
  value: string
  char_limit: number
  description: string | null
  read_only: boolean
  metadata: Block['metadata'] | null
  version: number
}

async function readTools(db: Db, organizationId: OrganizationId, agentId: AgentId): Promise<ToolRecord[]> {
  const rows = await db
    .selectFrom('agent_tools as link')
    .innerJoin('tools', (join) =>
      join.onRef('tools.organization_id', '=', 'link.organization_id').onRef('tools.id', '=', 'link.tool_id'),
    )
    .where('link.organization_id', '=', organizationId)
    .where('link.agent_id', '=', agentId)
    .orderBy('link.ordinal')
    .select([
      'tools.id',
      'tools.name',
      'tools.tool_type',
      'tools.json_schema',
      'tools.description',
      'tools.return_char_limit',
      'tools.default_requires_approval',
      'tools.enable_parallel_execution',
    ])
    .execute()
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    toolType: row.tool_type,
    spec: specOf(row.name, row.description, row.json_schema),
    returnCharLimit: row.return_char_limit,
    defaultRequiresApproval: row.default_requires_approval ?? false,
    enableParallelExecution: row.enable_parallel_execution ?? false,
  }))
}

/** A stored schema is the old server's: `{name, description, parameters}`. */
function specOf(name: string, description: string | null, schema: ToolRecord['spec']['parameters'] | null) {
  const parameters = schema?.parameters
  return {
    name,
    description: typeof schema?.description === 'string' ? schema.description : (description ?? ''),
    parameters:
      typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters)
        ? parameters
        : { type: 'object', properties: {} },
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
