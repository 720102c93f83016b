import type { AgentId, MessageId, OrganizationId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import { readAgentBlocks } from './agent-blocks.ts'
import { readAgentTools } from './agent-tools.ts'
import type { BlockRow } from './blocks.ts'
import { type GroupRow, readManagedGroups } from './groups.ts'
import { toMessage } from './message-rows.ts'
import type { Db } from './schema.ts'
import { readSecrets, type SecretRow } from './secrets.ts'
import { readAgentTags, readBlockTags } from './tags.ts'
import type { ToolRow } from './tools.ts'

/** What belongs to an agent and is stored elsewhere. */
export type AgentRelations = {
  /** The context of the default conversation, in order. */
  messageIds: MessageId[]
  tags: string[]
  blocks: (BlockRow & { tags: string[] })[]
  tools: ToolRow[]
  secrets: SecretRow[]
  pendingApproval: Message | null
  /** The group that the agent leads. */
  managedGroup: GroupRow | null
}

export const RELATIONS = ['tags', 'blocks', 'tools', 'secrets', 'pendingApproval', 'managedGroup'] as const
export type Relation = (typeof RELATIONS)[number]

/** Reads relations of many agents at once; those that are not wanted are empty. */
export async function readRelations(
  db: Db,
  organizationId: OrganizationId,
  agentIds: AgentId[],
  wanted: ReadonlySet<Relation>,
): Promise<Map<AgentId, AgentRelations>> {
  const found = new Map<AgentId, AgentRelations>(agentIds.map((id) => [id, none()]))
  if (agentIds.length === 0) return found
  const of = (row: { agent_id: AgentId }) => found.get(row.agent_id) ?? none()
  const read = <Row>(relation: Relation, rows: () => Promise<Row[]>) => (wanted.has(relation) ? rows() : [])
  const [context, tags, blocks, tools, secrets, approvals, groups] = await Promise.all([
    readContextIds(db, organizationId, agentIds),
    read('tags', () => readAgentTags(db, organizationId, agentIds)),
    read('blocks', () => readTaggedBlocks(db, organizationId, agentIds)),
    read('tools', () => readAgentTools(db, organizationId, agentIds)),
    read('secrets', () => readSecrets(db, organizationId, agentIds)),
    read('pendingApproval', () => readPendingApprovals(db, organizationId, agentIds)),
    read('managedGroup', () => readManagedGroups(db, organizationId, agentIds)),
  ])
  for (const row of context) of(row).messageIds.push(row.message_id)
  for (const row of tags) of(row).tags.push(row.tag)
  for (const row of blocks) of(row).blocks.push(row)
  for (const row of tools) of(row).tools.push(row)
  for (const row of secrets) of(row).secrets.push(row)
  for (const row of approvals) of(row).pendingApproval = toMessage(row)
  for (const group of groups)
    if (group.manager_agent_id) of({ agent_id: group.manager_agent_id }).managedGroup = group
  return found
}

function none(): AgentRelations {
  return {
    messageIds: [],
    tags: [],
    blocks: [],
    tools: [],
    secrets: [],
    pendingApproval: null,
    managedGroup: null,
  }
}

async function readTaggedBlocks(db: Db, organizationId: OrganizationId, agentIds: AgentId[]) {
  const blocks = await readAgentBlocks(db, organizationId, agentIds)
  return withTags(db, organizationId, blocks)
}

/** Blocks with their tags. */
export async function withTags<Row extends BlockRow>(
  db: Db,
  organizationId: OrganizationId,
  blocks: Row[],
): Promise<(Row & { tags: string[] })[]> {
  const ids = [...new Set(blocks.map((block) => block.id))]
  const tags = Map.groupBy(await readBlockTags(db, organizationId, ids), (row) => row.block_id)
  return blocks.map((block) => ({ ...block, tags: (tags.get(block.id) ?? []).map((row) => row.tag) }))
}

async function readContextIds(db: Db, organizationId: OrganizationId, agentIds: AgentId[]) {
  return db
    .selectFrom('conversations')
    .innerJoin('context_items as item', (join) =>
      join
        .onRef('item.organization_id', '=', 'conversations.organization_id')
        .onRef('item.conversation_id', '=', 'conversations.id')
        .onRef('item.epoch', '=', 'conversations.context_epoch'),
    )
    .where('conversations.organization_id', '=', organizationId)
    .where('conversations.agent_id', 'in', agentIds)
    .where('conversations.is_default', '=', true)
    .orderBy('item.ordinal')
    .select(['conversations.agent_id', 'item.message_id'])
    .execute()
}

async function readPendingApprovals(db: Db, organizationId: OrganizationId, agentIds: AgentId[]) {
  return db
    .selectFrom('conversations')
    .innerJoin('open_approvals as open', (join) =>
      join
        .onRef('open.organization_id', '=', 'conversations.organization_id')
        .onRef('open.conversation_id', '=', 'conversations.id'),
    )
    .innerJoin('messages', (join) =>
      join
        .onRef('messages.organization_id', '=', 'open.organization_id')
        .onRef('messages.id', '=', 'open.message_id'),
    )
    .where('conversations.organization_id', '=', organizationId)
    .where('conversations.agent_id', 'in', agentIds)
    .where('conversations.is_default', '=', true)
    .selectAll('messages')
    .execute()
}
