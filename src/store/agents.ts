import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import type { AgentType } from '../domain/agent.ts'
import { Fault } from '../domain/fault.ts'
import type { AgentId, ConversationId, OrganizationId } from '../domain/id.ts'
import type { ToolRule } from '../domain/tool.ts'
import type { AgentsTable, Db } from './schema.ts'

/** An agent as it is stored and, nearly, as it is shown. */
export type AgentRow = Selectable<AgentsTable>
export type NewAgentRow = Omit<Insertable<AgentsTable>, 'organization_id'>
export type AgentChange = Omit<Updateable<AgentsTable>, 'organization_id' | 'id'>

export function agentMissing(id: string): Fault {
  return new Fault('not_found', `Agent with ID ${id} not found`)
}

/** Faults: not_found. */
export async function getAgent(db: Db, organizationId: OrganizationId, id: AgentId): Promise<AgentRow> {
  const row = await db
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .selectAll()
    .executeTakeFirst()
  if (!row) throw agentMissing(id)
  return row
}

/** Those of the named agents that are there, and of what type they are. */
export async function readAgentTypes(
  db: Db,
  organizationId: OrganizationId,
  ids: AgentId[],
): Promise<Map<AgentId, AgentType>> {
  const rows = await db
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where(sql<boolean>`id = any(${ids})`)
    .where('deleted_at', 'is', null)
    .select(['id', 'agent_type'])
    .execute()
  return new Map(rows.map((row) => [row.id, row.agent_type]))
}

/** Also of a deleted agent, whose runs can still be read. Faults: not_found. */
export async function getAgentType(db: Db, organizationId: OrganizationId, id: AgentId): Promise<AgentType> {
  const row = await db
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select('agent_type')
    .executeTakeFirst()
  if (!row) throw agentMissing(id)
  return row.agent_type
}

/**
 * Locks an agent's row: whoever changes what depends on the old value begins with it. It is the last of the lock order.
 * Faults: not_found.
 */
export async function lockAgent(tx: Db, organizationId: OrganizationId, id: AgentId): Promise<AgentRow> {
  const row = await tx
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .selectAll()
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!row) throw agentMissing(id)
  return row
}

/** Stores an agent with its default conversation, whose context is still empty. */
export async function insertAgent(
  tx: Db,
  actor: Actor,
  agent: NewAgentRow,
  conversationId: ConversationId,
): Promise<void> {
  const maker = {
    organization_id: actor.organizationId,
    created_by_id: actor.userId,
    last_updated_by_id: actor.userId,
  }
  await tx
    .insertInto('agents')
    .values({ ...agent, ...maker })
    .execute()
  await tx
    .insertInto('conversations')
    .values({ ...maker, id: conversationId, agent_id: agent.id, is_default: true })
    .execute()
}

/** Faults: not_found. */
export async function updateAgent(db: Db, actor: Actor, id: AgentId, change: AgentChange): Promise<void> {
  const { numUpdatedRows } = await db
    .updateTable('agents')
    .set({ ...change, last_updated_by_id: actor.userId, updated_at: sql<string>`now()` })
    .where('organization_id', '=', actor.organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw agentMissing(id)
}

/**
 * Takes an agent out of sight, with its conversations. Its rows are purged later, in batches; its blocks stay. End its
 * runs in the same transaction. Faults: not_found.
 */
export async function deleteAgent(tx: Db, actor: Actor, id: AgentId): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('agents')
    .set({ deleted_at: sql<string>`now()`, last_updated_by_id: actor.userId })
    .where('organization_id', '=', actor.organizationId)
    .where('id', '=', id)
    .where('deleted_at', 'is', null)
    .executeTakeFirst()
  if (numUpdatedRows === 0n) throw agentMissing(id)
  await tx
    .updateTable('conversations')
    .set({ deleted_at: sql<string>`now()` })
    .where('organization_id', '=', actor.organizationId)
    .where('agent_id', '=', id)
    .where('deleted_at', 'is', null)
    .execute()
  for (const table of ['agent_tags', 'agent_blocks', 'agent_tools', 'agent_secrets'] as const) {
    await tx
      .deleteFrom(table)
      .where('organization_id', '=', actor.organizationId)
      .where('agent_id', '=', id)
      .execute()
  }
}

/** Replaces an agent's rules by what `change` makes of them, under the agent's lock. */
export async function changeToolRules(
  tx: Db,
  actor: Actor,
  id: AgentId,
  change: (rules: ToolRule[]) => ToolRule[],
): Promise<void> {
  const { tool_rules: rules } = await lockAgent(tx, actor.organizationId, id)
  await updateAgent(tx, actor, id, { tool_rules: JSON.stringify(change(rules)) })
}
