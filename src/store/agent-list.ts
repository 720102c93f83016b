import { sql } from 'kysely'
import type { BlockId, OrganizationId } from '../domain/id.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import type { AgentRow } from './agents.ts'
import { containing, inOrder, type Page, pageConditions, readingOrder, sorting } from './keyset.ts'
import type { Db } from './schema.ts'

/** Which agents are meant; fields that are not given ask for nothing. */
export type AgentFilter = {
  name?: string | undefined
  /** Part of the name, in any case. */
  queryText?: string | undefined
  tags?: string[] | undefined
  /** All of the tags, instead of one of them. */
  matchAllTags?: boolean | undefined
  projectId?: string | undefined
  templateId?: string | undefined
  baseTemplateId?: string | undefined
  lastStopReason?: StopReason | undefined
  createdById?: string | undefined
  blockId?: BlockId | undefined
  showHidden?: boolean | undefined
}

export type AgentOrder = 'created_at' | 'updated_at' | 'last_run_completion'

export async function readAgents(
  db: Db,
  organizationId: OrganizationId,
  filter: AgentFilter,
  page: Page & { orderBy: AgentOrder },
): Promise<AgentRow[]> {
  const listed = { table: 'agents', column: page.orderBy } as const
  let query = matching(db, organizationId, filter).selectAll('agents')
  for (const condition of await pageConditions(db, organizationId, listed, page))
    query = query.where(condition)
  query = query.orderBy(`agents.${page.orderBy}`, sorting(page)).orderBy('agents.id', readingOrder(page))
  if (page.limit > 0) query = query.limit(page.limit)
  return inOrder(await query.execute(), page)
}

export async function countAgents(
  db: Db,
  organizationId: OrganizationId,
  filter: AgentFilter,
): Promise<number> {
  const { count } = await matching(db, organizationId, filter)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

function matching(db: Db, organizationId: OrganizationId, filter: AgentFilter) {
  let query = db
    .selectFrom('agents')
    .where('agents.organization_id', '=', organizationId)
    .where('agents.deleted_at', 'is', null)
  if (!filter.showHidden) query = query.where(sql<boolean>`agents.hidden is not true`)
  if (filter.name !== undefined) query = query.where('agents.name', '=', filter.name)
  if (filter.queryText) query = query.where('agents.name', 'ilike', containing(filter.queryText))
  if (filter.projectId !== undefined) query = query.where('agents.project_id', '=', filter.projectId)
  if (filter.templateId !== undefined) query = query.where('agents.template_id', '=', filter.templateId)
  if (filter.baseTemplateId !== undefined)
    query = query.where('agents.base_template_id', '=', filter.baseTemplateId)
  if (filter.lastStopReason) query = query.where('agents.last_stop_reason', '=', filter.lastStopReason)
  if (filter.createdById !== undefined) query = query.where('agents.created_by_id', '=', filter.createdById)
  if (filter.tags?.length) query = query.where(tagged(filter.tags, filter.matchAllTags ?? false))
  if (filter.blockId) query = query.where(holding(filter.blockId))
  return query
}

function tagged(tags: string[], all: boolean) {
  const wanted = [...new Set(tags)]
  return sql<boolean>`(select count(*) from agent_tags
    where agent_tags.organization_id = agents.organization_id and agent_tags.agent_id = agents.id
      and agent_tags.tag in (${sql.join(wanted)})) >= ${all ? wanted.length : 1}`
}

function holding(blockId: BlockId) {
  return sql<boolean>`exists (select from agent_blocks
    where agent_blocks.organization_id = agents.organization_id and agent_blocks.agent_id = agents.id
      and agent_blocks.block_id = ${blockId})`
}
