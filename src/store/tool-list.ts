import type { OrganizationId } from '../domain/id.ts'
import type { ToolType } from '../domain/tool.ts'
import { containing, inOrder, type Page, pageConditions, readingOrder, sorting } from './keyset.ts'
import type { Db } from './schema.ts'
import type { ToolRow } from './tools.ts'

/** Which tools are meant; fields that are not given ask for nothing. */
export type ToolFilter = {
  name?: string | undefined
  names?: string[] | undefined
  ids?: string[] | undefined
  /** Part of the name, in any case. */
  search?: string | undefined
  types?: ToolType[] | undefined
  excludedTypes?: ToolType[] | undefined
  builtInOnly?: boolean | undefined
  excludeBuiltIn?: boolean | undefined
}

/** The types whose tools come with the server. */
const BUILT_IN_TYPES: ToolType[] = [
  'letta_core',
  'letta_memory_core',
  'letta_multi_agent_core',
  'letta_sleeptime_core',
  'letta_voice_sleeptime_core',
  'letta_builtin',
  'letta_files_core',
]

export async function readTools(
  db: Db,
  organizationId: OrganizationId,
  filter: ToolFilter,
  page: Page,
): Promise<ToolRow[]> {
  const listed = { table: 'tools', column: 'created_at' } as const
  let query = matching(db, organizationId, filter).selectAll('tools')
  for (const condition of await pageConditions(db, organizationId, listed, page))
    query = query.where(condition)
  query = query.orderBy('tools.created_at', sorting(page)).orderBy('tools.id', readingOrder(page))
  if (page.limit > 0) query = query.limit(page.limit)
  return inOrder(await query.execute(), page)
}

export async function countTools(
  db: Db,
  organizationId: OrganizationId,
  filter: ToolFilter,
): Promise<number> {
  const { count } = await matching(db, organizationId, filter)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return count
}

/** Names of the built-in tools that an organisation does not have yet. */
export async function readMissingTools(
  db: Db,
  organizationId: OrganizationId,
  names: string[],
): Promise<string[]> {
  const rows = await db
    .selectFrom('tools')
    .where('organization_id', '=', organizationId)
    .where('name', 'in', names)
    .select('name')
    .execute()
  const there = new Set(rows.map((row) => row.name))
  return names.filter((name) => !there.has(name))
}

function matching(db: Db, organizationId: OrganizationId, filter: ToolFilter) {
  let query = db.selectFrom('tools').where('tools.organization_id', '=', organizationId)
  if (filter.name !== undefined) query = query.where('tools.name', '=', filter.name)
  if (filter.names?.length) query = query.where('tools.name', 'in', filter.names)
  // What is no tool's id is not found.
  if (filter.ids?.length) query = query.where('tools.id', 'in', filter.ids as ToolRow['id'][])
  if (filter.search) query = query.where('tools.name', 'ilike', containing(filter.search))
  if (filter.types?.length) query = query.where('tools.tool_type', 'in', filter.types)
  if (filter.excludedTypes?.length) query = query.where('tools.tool_type', 'not in', filter.excludedTypes)
  if (filter.builtInOnly) query = query.where('tools.tool_type', 'in', BUILT_IN_TYPES)
  if (filter.excludeBuiltIn) query = query.where('tools.tool_type', 'not in', BUILT_IN_TYPES)
  return query
}
