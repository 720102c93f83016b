import { type RawBuilder, sql } from 'kysely'
import type { AgentId, OrganizationId } from '../domain/id.ts'
import type { Page } from './keyset.ts'
import type { Db } from './schema.ts'

/** What agents hold, by the table that says so, and its column with the id of what is held. */
type Link = ['agent_blocks', 'block_id'] | ['agent_tools', 'tool_id']

/**
 * The conditions on `link.ordinal` that a page of what one agent holds meets. A cursor that the agent does not hold
 * bounds nothing.
 */
export async function ordinalConditions(
  db: Db,
  [table, column]: Link,
  organizationId: OrganizationId,
  agentId: AgentId,
  page: Page,
): Promise<RawBuilder<boolean>[]> {
  const conditions: RawBuilder<boolean>[] = []
  for (const side of ['after', 'before'] as const) {
    if (page[side] === undefined) continue
    const { rows } = await sql<{ ordinal: number }>`
      select ordinal from ${sql.table(table)}
      where organization_id = ${organizationId} and agent_id = ${agentId} and ${sql.ref(column)} = ${page[side]}
    `.execute(db)
    const compare = sql.raw((side === 'after') === (page.order === 'asc') ? '>' : '<')
    if (rows[0]) conditions.push(sql<boolean>`link.ordinal ${compare} ${rows[0].ordinal}`)
  }
  return conditions
}
