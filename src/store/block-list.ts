import { sql } from 'kysely'
import type { OrganizationId } from '../domain/id.ts'
import type { BlockRow } from './blocks.ts'
import { containing, inOrder, type Page, pageConditions, readingOrder, sorting } from './keyset.ts'
import type { Db } from './schema.ts'

/** Which blocks are meant; fields that are not given ask for nothing. */
export type BlockFilter = {
  label?: string | undefined
  /** True: templates only. False: no templates. */
  templatesOnly: boolean
  templateName?: string | undefined
  projectId?: string | undefined
  tags?: string[] | undefined
  matchAllTags?: boolean | undefined
  labelSearch?: string | undefined
  descriptionSearch?: string | undefined
  valueSearch?: string | undefined
  agentsMoreThan?: number | undefined
  agentsLessThan?: number | undefined
  /** Numbers of agents that hold the block, any of them. */
  agentsExactly?: number[] | undefined
  showHidden?: boolean | undefined
}

export async function readBlocks(
  db: Db,
  organizationId: OrganizationId,
  filter: BlockFilter,
  page: Page,
): Promise<BlockRow[]> {
  const listed = { table: 'blocks', column: 'created_at' } as const
  let query = matching(db, organizationId, filter).selectAll('blocks')
  for (const condition of await pageConditions(db, organizationId, listed, page))
    query = query.where(condition)
  query = query.orderBy('blocks.created_at', sorting(page)).orderBy('blocks.id', readingOrder(page))
  if (page.limit > 0) query = query.limit(page.limit)
  return inOrder(await query.execute(), page)
}

export async function countBlocks(
  db: Db,
  organizationId: OrganizationId,
  filter: BlockFilter,
): Promise<number> {
  const { count } = await matching(db, organizationId, filter)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

function matching(db: Db, organizationId: OrganizationId, filter: BlockFilter) {
  let query = db
    .selectFrom('blocks')
    .where('blocks.organization_id', '=', organizationId)
    .where('blocks.is_template', '=', filter.templatesOnly)
  if (!filter.showHidden) query = query.where(sql<boolean>`blocks.hidden is not true`)
  if (filter.label !== undefined) query = query.where('blocks.label', '=', filter.label)
  if (filter.templateName !== undefined) query = query.where('blocks.template_name', '=', filter.templateName)
  if (filter.projectId !== undefined) query = query.where('blocks.project_id', '=', filter.projectId)
  if (filter.labelSearch) query = query.where('blocks.label', 'ilike', containing(filter.labelSearch))
  if (filter.descriptionSearch)
    query = query.where('blocks.description', 'ilike', containing(filter.descriptionSearch))
  if (filter.valueSearch) query = query.where('blocks.value', 'ilike', containing(filter.valueSearch))
  if (filter.tags?.length) query = query.where(tagged(filter.tags, filter.matchAllTags ?? false))
  if (filter.agentsMoreThan !== undefined) query = query.where(AGENT_COUNT, '>', filter.agentsMoreThan)
  if (filter.agentsLessThan !== undefined) query = query.where(AGENT_COUNT, '<', filter.agentsLessThan)
  if (filter.agentsExactly?.length) query = query.where(AGENT_COUNT, 'in', filter.agentsExactly)
  return query
}

const AGENT_COUNT = sql<number>`(select count(*) from agent_blocks
  where agent_blocks.organization_id = blocks.organization_id and agent_blocks.block_id = blocks.id)`

function tagged(tags: string[], all: boolean) {
  const wanted = [...new Set(tags)]
  return sql<boolean>`(select count(*) from block_tags
    where block_tags.organization_id = blocks.organization_id and block_tags.block_id = blocks.id
      and block_tags.tag in (${sql.join(wanted)})) >= ${all ? wanted.length : 1}`
}
