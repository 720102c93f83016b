import { sql } from 'kysely'
import type { AgentId, BlockId, OrganizationId } from '../domain/id.ts'
import { containing, type Page, readingOrder } from './keyset.ts'
import type { Db } from './schema.ts'

/** Puts other tags in the place of an agent's. */
export async function saveAgentTags(
  tx: Db,
  organizationId: OrganizationId,
  id: AgentId,
  tags: string[],
): Promise<void> {
  await tx
    .deleteFrom('agent_tags')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', id)
    .execute()
  if (tags.length === 0) return
  await tx
    .insertInto('agent_tags')
    .values([...new Set(tags)].map((tag) => ({ organization_id: organizationId, agent_id: id, tag })))
    .execute()
}

/** Puts other tags in the place of a block's. */
export async function saveBlockTags(
  tx: Db,
  organizationId: OrganizationId,
  id: BlockId,
  tags: string[],
): Promise<void> {
  await tx
    .deleteFrom('block_tags')
    .where('organization_id', '=', organizationId)
    .where('block_id', '=', id)
    .execute()
  if (tags.length === 0) return
  await tx
    .insertInto('block_tags')
    .values([...new Set(tags)].map((tag) => ({ organization_id: organizationId, block_id: id, tag })))
    .execute()
}

export async function readAgentTags(
  db: Db,
  organizationId: OrganizationId,
  agentIds: AgentId[],
): Promise<{ agent_id: AgentId; tag: string }[]> {
  return db
    .selectFrom('agent_tags')
    .where('organization_id', '=', organizationId)
    .where('agent_id', 'in', agentIds)
    .orderBy('tag')
    .select(['agent_id', 'tag'])
    .execute()
}

export async function readBlockTags(
  db: Db,
  organizationId: OrganizationId,
  blockIds: BlockId[],
): Promise<{ block_id: BlockId; tag: string }[]> {
  if (blockIds.length === 0) return []
  return db
    .selectFrom('block_tags')
    .where('organization_id', '=', organizationId)
    .where('block_id', 'in', blockIds)
    .orderBy('tag')
    .select(['block_id', 'tag'])
    .execute()
}

/** Every tag of agents and blocks, once, by name. Cursors are the tags themselves. */
export async function readTags(
  db: Db,
  organizationId: OrganizationId,
  search: string | undefined,
  page: Page,
): Promise<string[]> {
  const forward = page.order === 'asc'
  const order = readingOrder(page)
  const bounds = [
    search ? sql`and tag ilike ${containing(search)}` : sql``,
    page.after ? sql`and tag ${sql.raw(forward ? '>' : '<')} ${page.after}` : sql``,
    page.before ? sql`and tag ${sql.raw(forward ? '<' : '>')} ${page.before}` : sql``,
  ]
  const { rows } = await sql<{ tag: string }>`
    select tag from (
      select tag from agent_tags where organization_id = ${organizationId}
      union select tag from block_tags where organization_id = ${organizationId}
    ) as tags
    where true ${sql.join(bounds, sql` `)}
    order by tag ${sql.raw(order)}
    ${page.limit > 0 ? sql`limit ${page.limit}` : sql``}
  `.execute(db)
  const tags = rows.map((row) => row.tag)
  return order === page.order ? tags : tags.toReversed()
}
