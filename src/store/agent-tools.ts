import { sql } from 'kysely'
import type { AgentId, OrganizationId, ToolId } from '../domain/id.ts'
import type { ToolRule } from '../domain/tool.ts'
import { inOrder, type Page, readingOrder } from './keyset.ts'
import { ordinalConditions } from './link-page.ts'
import type { Db } from './schema.ts'
import type { ToolRow } from './tools.ts'

/** A tool with the agent that has it. */
export type HeldToolRow = ToolRow & { agent_id: AgentId }

/** The tools of many agents, each agent's in the order in which they were attached. */
export async function readAgentTools(
  db: Db,
  organizationId: OrganizationId,
  agentIds: AgentId[],
): Promise<HeldToolRow[]> {
  return held(db, organizationId, agentIds)
    .orderBy('link.ordinal')
    .selectAll('tools')
    .select('link.agent_id')
    .execute()
}

/** One agent's tools by pages; cursors are ids of tools. */
export async function readAgentToolPage(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  page: Page,
): Promise<ToolRow[]> {
  let query = held(db, organizationId, [agentId])
    .selectAll('tools')
    .orderBy('link.ordinal', readingOrder(page))
  const bounds = await ordinalConditions(db, ['agent_tools', 'tool_id'], organizationId, agentId, page)
  for (const bound of bounds) query = query.where(bound)
  if (page.limit > 0) query = query.limit(page.limit)
  return inOrder(await query.execute(), page)
}

function held(db: Db, organizationId: OrganizationId, agentIds: AgentId[]) {
  return db
    .selectFrom('agent_tools as link')
    .innerJoin('tools', (join) =>
      join.onRef('tools.organization_id', '=', 'link.organization_id').onRef('tools.id', '=', 'link.tool_id'),
    )
    .where('link.organization_id', '=', organizationId)
    .where('link.agent_id', 'in', agentIds)
}

/** What an agent may use at this moment, as one statement sees it. */
export async function readToolsNow(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
): Promise<{ attached: ReadonlySet<ToolId>; rules: ToolRule[] }> {
  const row = await db
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where('id', '=', agentId)
    .select('tool_rules')
    .select(
      sql<ToolId[]>`array(
        select tool_id from agent_tools
        where agent_tools.organization_id = agents.organization_id and agent_tools.agent_id = agents.id
      )`.as('tool_ids'),
    )
    .executeTakeFirst()
  return { attached: new Set(row?.tool_ids), rules: row?.tool_rules ?? [] }
}

/** Gives an agent tools; those that it has stay where they are. The tools are held by the transaction. */
export async function attachTools(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  ids: ToolId[],
): Promise<void> {
  if (ids.length === 0) return
  await tx
    .insertInto('agent_tools')
    .values(ids.map((id) => ({ organization_id: organizationId, agent_id: agentId, tool_id: id })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Takes tools from an agent: one, or all but some. */
export async function detachTools(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  which: { only: ToolId } | { allBut: ToolId[] },
): Promise<void> {
  let query = tx
    .deleteFrom('agent_tools')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
  if ('only' in which) query = query.where('tool_id', '=', which.only)
  else if (which.allBut.length > 0) query = query.where('tool_id', 'not in', which.allBut)
  await query.execute()
}
