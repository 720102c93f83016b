import { type Insertable, type Selectable, sql, type Updateable } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import { Fault } from '../domain/fault.ts'
import type { BlockId, OrganizationId } from '../domain/id.ts'
import { saveHistory } from './memory-edits.ts'
import type { BlockHistoryTable, BlocksTable, Db } from './schema.ts'
import { saveBlockTags } from './tags.ts'
import { inTransaction, isUniqueViolation } from './transaction.ts'

/** A block as it is stored and, nearly, as it is shown. */
export type BlockRow = Selectable<BlocksTable>
export type NewBlock = Omit<Insertable<BlocksTable>, 'organization_id'> & { tags: string[] }
export type BlockChange = Omit<Updateable<BlocksTable>, 'organization_id' | 'id' | 'version'>

/** Where blocks are attached, each under its label. */
const LINKS = ['agent_blocks', 'conversation_blocks'] as const

export function blockMissing(id: string): Fault {
  return new Fault('not_found', `Block with id '${id}' not found`)
}

export async function findBlock(
  db: Db,
  organizationId: OrganizationId,
  id: BlockId,
): Promise<BlockRow | undefined> {
  return db
    .selectFrom('blocks')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .executeTakeFirst()
}

/** Faults: not_found. */
export async function getBlock(db: Db, organizationId: OrganizationId, id: BlockId): Promise<BlockRow> {
  const row = await findBlock(db, organizationId, id)
  if (!row) throw blockMissing(id)
  return row
}

/** Stores new blocks, with their tags and the first entry of their history. */
export async function insertBlocks(tx: Db, actor: Actor, blocks: NewBlock[]): Promise<BlockRow[]> {
  if (blocks.length === 0) return []
  const { organizationId } = actor
  const rows = await tx
    .insertInto('blocks')
    .values(
      blocks.map(({ tags: _, ...block }) => ({
        ...block,
        organization_id: organizationId,
        last_writer: actor.userId,
      })),
    )
    .returningAll()
    .execute()
  await tx.insertInto('block_history').values(rows.map(historyOf)).execute()
  const tags = blocks.flatMap(({ id, tags }) =>
    [...new Set(tags)].map((tag) => ({ organization_id: organizationId, block_id: id, tag })),
  )
  if (tags.length > 0) await tx.insertInto('block_tags').values(tags).execute()
  return rows
}

function historyOf(block: BlockRow): Insertable<BlockHistoryTable> {
  return {
    organization_id: block.organization_id,
    block_id: block.id,
    version: block.version,
    label: block.label,
    value: block.value,
    description: block.description,
    writer: block.last_writer,
  }
}

export async function createBlock(db: Db, actor: Actor, block: NewBlock): Promise<BlockRow> {
  return inTransaction(db, async (tx) => {
    const [row] = await insertBlocks(tx, actor, [block])
    if (!row) throw new Error('nothing was inserted')
    return row
  })
}

/**
 * Writes a block: one statement, the last writer wins, and the history keeps both. `version`: write only over this one.
 * A change that changes nothing is no write. A block that is attached keeps its label when told to have none: agents
 * know it by that, and a link without one could not be named. Faults: not_found; plain_conflict for another version, or
 * for a label that an agent's other block has.
 */
export async function saveBlock(
  db: Db,
  actor: Actor,
  id: BlockId,
  asked: BlockChange,
  options: { tags: string[] | undefined; version: number | undefined },
): Promise<BlockRow> {
  return inTransaction(db, async (tx) => {
    const before = await lockBlock(tx, actor.organizationId, id)
    if (options.version !== undefined && options.version !== before.version) {
      throw new Fault('plain_conflict', `Block ${id} has version ${before.version}, not ${options.version}`)
    }
    if (options.tags) await saveBlockTags(tx, actor.organizationId, id, options.tags)
    const keepsLabel = asked.label === null && (await isAttached(tx, actor.organizationId, id))
    const change = keepsLabel ? { ...asked, label: before.label } : asked
    const row = changes(before, change) ? await writeBlock(tx, actor, id, change) : before
    if (row.label !== before.label && row.label !== null) await relabelLinks(tx, actor, id, row.label)
    return row
  })
}

async function isAttached(tx: Db, organizationId: OrganizationId, id: BlockId): Promise<boolean> {
  const links = await Promise.all(
    LINKS.map((table) =>
      tx
        .selectFrom(table)
        .where('organization_id', '=', organizationId)
        .where('block_id', '=', id)
        .select('label')
        .limit(1)
        .executeTakeFirst(),
    ),
  )
  return links.some((link) => link !== undefined)
}

async function lockBlock(tx: Db, organizationId: OrganizationId, id: BlockId): Promise<BlockRow> {
  const row = await tx
    .selectFrom('blocks')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!row) throw blockMissing(id)
  return row
}

function changes(before: BlockRow, change: BlockChange): boolean {
  return Object.entries(change).some(([column, value]) => {
    const old = before[column as keyof BlockRow]
    const isJson = typeof old === 'object' && old !== null
    return isJson ? typeof value !== 'string' || !sameJson(old, value) : old !== value
  })
}

/** The database does not keep the order of keys; it does not count. */
function sameJson(old: object, text: string): boolean {
  const sorted = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(
          Object.entries(value)
            .toSorted()
            .map(([key, item]) => [key, sorted(item)]),
        )
      : value
  return JSON.stringify(sorted(old)) === JSON.stringify(sorted(JSON.parse(text)))
}

async function writeBlock(tx: Db, actor: Actor, id: BlockId, change: BlockChange): Promise<BlockRow> {
  const row = await tx
    .updateTable('blocks')
    .set((block) => ({
      ...change,
      version: block('version', '+', 1),
      last_writer: actor.userId,
      updated_at: sql<string>`now()`,
    }))
    .where('organization_id', '=', actor.organizationId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow()
  await saveHistory(tx, actor.organizationId, id)
  return row
}

async function relabelLinks(tx: Db, actor: Actor, id: BlockId, label: string): Promise<void> {
  for (const table of LINKS) {
    await tx
      .updateTable(table)
      .set({ label })
      .where('organization_id', '=', actor.organizationId)
      .where('block_id', '=', id)
      .execute()
      .catch((error) => Promise.reject(isUniqueViolation(error) ? labelTaken() : error))
  }
}

export function labelTaken(): Fault {
  return new Fault('plain_conflict', 'Another block with this label is attached to this agent already')
}

/** Its links go with it; agents are shown their memory without it from their next step on. Faults: not_found. */
export async function deleteBlock(db: Db, organizationId: OrganizationId, id: BlockId): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('blocks')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw blockMissing(id)
}
