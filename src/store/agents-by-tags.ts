import { sql } from 'kysely'
import type { AgentId, OrganizationId } from '../domain/id.ts'
import type { Db } from './schema.ts'

/** Agents that have all of some tags and at least one of others; no tags at all: the newest hundred. */
export async function findAgentsByTags(
  db: Db,
  organizationId: OrganizationId,
  all: string[],
  some: string[],
): Promise<AgentId[]> {
  let query = db
    .selectFrom('agents')
    .where('organization_id', '=', organizationId)
    .where('deleted_at', 'is', null)
    .orderBy('created_at', 'desc')
    .limit(100)
    .select('id')
  for (const tag of all) query = query.where(hasTag([tag]))
  if (some.length > 0) query = query.where(hasTag(some))
  return (await query.execute()).map((row) => row.id)
}

function hasTag(tags: string[]) {
  return sql<boolean>`exists (select from agent_tags
    where agent_tags.organization_id = agents.organization_id and agent_tags.agent_id = agents.id
      and agent_tags.tag = any(${tags}))`
}
