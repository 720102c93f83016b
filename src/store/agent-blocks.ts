import { Fault } from '../domain/fault.ts'
import type { AgentId, BlockId, OrganizationId } from '../domain/id.ts'
import { type BlockRow, blockMissing, labelTaken } from './blocks.ts'
import { inOrder, type Page, readingOrder } from './keyset.ts'
import { ordinalConditions } from './link-page.ts'
import type { Db } from './schema.ts'
import { inTransaction, isUniqueViolation } from './transaction.ts'

/** A block with the agent that holds it. */
export type HeldBlockRow = BlockRow & { agent_id: AgentId }

/** The blocks of many agents, each agent's in the order in which they were attached. */
export async function readAgentBlocks(
  db: Db,
  organizationId: OrganizationId,
  agentIds: AgentId[],
): Promise<HeldBlockRow[]> {
  return held(db, organizationId, agentIds)
    .orderBy('link.ordinal')
    .selectAll('blocks')
    .select('link.agent_id')
    .execute()
}

/** One agent's blocks by pages; cursors are ids of blocks. */
export async function readAgentBlockPage(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  page: Page,
): Promise<BlockRow[]> {
  let query = held(db, organizationId, [agentId])
    .selectAll('blocks')
    .orderBy('link.ordinal', readingOrder(page))
  const bounds = await ordinalConditions(db, ['agent_blocks', 'block_id'], organizationId, agentId, page)
  for (const bound of bounds) query = query.where(bound)
  if (page.limit > 0) query = query.limit(page.limit)
  return inOrder(await query.execute(), page)
}

/** Faults: not_found. */
export async function getAgentBlock(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  label: string,
): Promise<BlockRow> {
  const row = await held(db, organizationId, [agentId])
    .where('link.label', '=', label)
    .selectAll('blocks')
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `No block with label '${label}' found for agent '${agentId}'`)
  return row
}

function held(db: Db, organizationId: OrganizationId, agentIds: AgentId[]) {
  return db
    .selectFrom('agent_blocks as link')
    .innerJoin('blocks', (join) =>
      join
        .onRef('blocks.organization_id', '=', 'link.organization_id')
        .onRef('blocks.id', '=', 'link.block_id'),
    )
    .where('link.organization_id', '=', organizationId)
    .where('link.agent_id', 'in', agentIds)
}

/**
 * Blocks by id, in the order asked for, held against deletion until the transaction ends. Faults: not_found.
 */
export async function holdBlocks(
  tx: Db,
  organizationId: OrganizationId,
  ids: BlockId[],
): Promise<BlockRow[]> {
  if (ids.length === 0) return []
  const rows = await tx
    .selectFrom('blocks')
    .where('organization_id', '=', organizationId)
    .where('id', 'in', ids)
    .orderBy('id')
    .selectAll()
    .forKeyShare()
    .execute()
  const found = new Map(rows.map((row) => [row.id, row]))
  return [...new Set(ids)].map((id) => {
    const row = found.get(id)
    if (!row) throw blockMissing(id)
    return row
  })
}

/**
 * Gives an agent blocks that it does not have yet; those that it has stay where they are. Faults: not_found;
 * plain_conflict for a label that is taken.
 */
export async function attachBlocks(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  ids: BlockId[],
): Promise<void> {
  await inTransaction(db, async (tx) => {
    const blocks = await holdBlocks(tx, organizationId, ids)
    if (blocks.length === 0) return
    await tx
      .insertInto('agent_blocks')
      .values(
        blocks.map((block) => ({
          organization_id: organizationId,
          agent_id: agentId,
          block_id: block.id,
          label: block.label ?? '',
        })),
      )
      .onConflict((conflict) => conflict.columns(['organization_id', 'agent_id', 'block_id']).doNothing())
      .execute()
      .catch((error) => Promise.reject(isUniqueViolation(error) ? labelTaken() : error))
  })
}

/** Takes blocks from an agent: one, or all but some. Returns how many it had of them. */
export async function detachBlocks(
  tx: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
  which: { only: BlockId } | { allBut: BlockId[] },
): Promise<number> {
  let query = tx
    .deleteFrom('agent_blocks')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
  if ('only' in which) query = query.where('block_id', '=', which.only)
  else if (which.allBut.length > 0) query = query.where('block_id', 'not in', which.allBut)
  return Number((await query.executeTakeFirst()).numDeletedRows)
}
