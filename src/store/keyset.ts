import { type OrderByItemBuilder, type RawBuilder, sql } from 'kysely'
import type { OrganizationId } from '../domain/id.ts'
import type { Database, Db } from './schema.ts'

export type Order = 'asc' | 'desc'

/**
 * A page of a list. `after` and `before` are ids: the last row of the page before it, and the first row behind it, in
 * the order asked for. `limit` 0: no limit.
 */
export type Page = { after?: string | undefined; before?: string | undefined; limit: number; order: Order }

/** A bound of a page: the sort key's value there, and the id that breaks ties. */
type Edge = { value: string | null; id: string }

/** Tables that are listed, and by which column. */
export type Listed = { table: keyof Database; column: string }

/**
 * The conditions that a page's rows meet. A bound that is not there bounds nothing: clients hold the ids of things that
 * were deleted meanwhile. Nulls come last in both orders.
 */
export async function pageConditions(
  db: Db,
  organizationId: OrganizationId,
  listed: Listed,
  page: Page,
): Promise<RawBuilder<boolean>[]> {
  const conditions: RawBuilder<boolean>[] = []
  for (const side of ['after', 'before'] as const) {
    const id = page[side]
    const edge = id && (await findEdge(db, organizationId, listed, id))
    if (edge) conditions.push(beyond(listed, edge, side, page.order))
  }
  return conditions
}

async function findEdge(
  db: Db,
  organizationId: OrganizationId,
  { table, column }: Listed,
  id: string,
): Promise<Edge | undefined> {
  const { rows } = await sql<Edge>`
    select ${sql.ref(column)} as value, id from ${sql.table(table)}
    where organization_id = ${organizationId} and id = ${id}
  `.execute(db)
  return rows[0]
}

function beyond(
  { table, column }: Listed,
  edge: Edge,
  side: 'after' | 'before',
  order: Order,
): RawBuilder<boolean> {
  const key = sql.ref(`${table}.${column}`)
  const id = sql.ref(`${table}.id`)
  const compare = sql.raw((side === 'after') === (order === 'asc') ? '>' : '<')
  if (edge.value === null) {
    const sameKey = sql<boolean>`(${key} is null and ${id} ${compare} ${edge.id})`
    return side === 'after' ? sameKey : sql<boolean>`(${key} is not null or ${sameKey})`
  }
  const moved = sql<boolean>`(${key}, ${id}) ${compare} (${edge.value}, ${edge.id})`
  return side === 'after' ? sql<boolean>`(${moved} or ${key} is null)` : moved
}

/**
 * The direction to read in: a page that has only an end is the one right before it, and is read backwards. Put the rows
 * back with `inOrder`.
 */
export function readingOrder(page: Page): Order {
  if (page.before === undefined || page.after !== undefined) return page.order
  return page.order === 'asc' ? 'desc' : 'asc'
}

export function inOrder<Row>(rows: Row[], page: Page): Row[] {
  return readingOrder(page) === page.order ? rows : rows.toReversed()
}

/** How `order by` is written so that nulls come last in the order asked for, whatever the direction of reading. */
export function sorting(page: Page): (item: OrderByItemBuilder) => OrderByItemBuilder {
  const order = readingOrder(page)
  return (item) => {
    const directed = order === 'asc' ? item.asc() : item.desc()
    return order === page.order ? directed.nullsLast() : directed.nullsFirst()
  }
}

/** A pattern for text that contains `text`: its `%` and `_` are themselves. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, (char) => `\\${char}`)}%`
}
