import { sql } from 'kysely'
import type { AgentId, BlockId, ConversationId, OrganizationId } from '../domain/id.ts'
import type { Block, HeldBlock, MemoryEdit } from '../domain/memory.ts'
import type { Db } from './schema.ts'
import { inSavepoint, isUniqueViolation } from './transaction.ts'

export type MemoryOwner = {
  organizationId: OrganizationId
  agentId: AgentId
  conversationId: ConversationId
  /** Who writes, for the history: an agent's or a user's id. */
  writer: string
}

/**
 * Locks the blocks that an agent sees in a conversation, in the order of their ids, and returns them as they are now. One
 * that has no label of its own (earlier versions let it be cleared) has the one that the agent sees it under.
 * `seen`: the versions that the step's prompt was compiled from, raised by the run's own edits.
 */
export async function lockBlocks(
  tx: Db,
  owner: MemoryOwner,
  blocks: Pick<Block, 'id' | 'label'>[],
  seen: ReadonlyMap<BlockId, number>,
): Promise<HeldBlock[]> {
  if (blocks.length === 0) return []
  const ids = blocks.map(({ id }) => id)
  const rows = await tx
    .selectFrom('blocks')
    .where('organization_id', '=', owner.organizationId)
    .where('id', 'in', ids)
    .orderBy('id')
    .selectAll()
    .forNoKeyUpdate()
    .execute()
  const held = new Map(rows.map((row) => [row.id, row]))
  return blocks.flatMap(({ id, label }) => {
    const row = held.get(id)
    if (!row) return []
    const block: Block = {
      id,
      label: row.label ?? label,
      value: row.value,
      limit: row.char_limit,
      description: row.description,
      readOnly: row.read_only,
      metadata: row.metadata ?? {},
      version: row.version,
    }
    return [{ ...block, changedByOthers: row.version !== (seen.get(id) ?? row.version) }]
  })
}

/** `label_taken`: another agent that shares the block has a block of that name already; nothing was written. */
export type SavedEdits = { type: 'saved'; versions: Map<BlockId, number> } | { type: 'label_taken' }

/**
 * Writes the edits of one tool call, in a transaction that holds the blocks. Tells the new versions, so that the run knows
 * its own hand. Faults of the edits themselves were the tool's to find; who else has which labels only the database knows.
 */
export async function saveEdits(tx: Db, owner: MemoryOwner, edits: MemoryEdit[]): Promise<SavedEdits> {
  const writesLabel = edits.some(({ type }) => type === 'set_label' || type === 'create')
  if (!writesLabel) return { type: 'saved', versions: await writeEdits(tx, owner, edits) }
  try {
    return { type: 'saved', versions: await inSavepoint(tx, () => writeEdits(tx, owner, edits)) }
  } catch (error) {
    if (isUniqueViolation(error)) return { type: 'label_taken' }
    throw error
  }
}

async function writeEdits(tx: Db, owner: MemoryOwner, edits: MemoryEdit[]): Promise<Map<BlockId, number>> {
  const versions = new Map<BlockId, number>()
  for (const edit of edits) {
    const version = await saveEdit(tx, owner, edit)
    if (version !== undefined) versions.set(edit.blockId, version)
  }
  return versions
}

async function saveEdit(tx: Db, owner: MemoryOwner, edit: MemoryEdit): Promise<number | undefined> {
  switch (edit.type) {
    case 'set_value':
      return updateBlock(tx, owner, edit.blockId, { value: edit.value })
    case 'set_description':
      return updateBlock(tx, owner, edit.blockId, { description: edit.description })
    case 'set_label':
      await relabel(tx, owner, edit.blockId, edit.label)
      return updateBlock(tx, owner, edit.blockId, { label: edit.label })
    case 'detach':
      await detach(tx, owner, edit.blockId)
      return undefined
    case 'create':
      return createBlock(tx, owner, edit)
  }
}

async function updateBlock(
  tx: Db,
  owner: MemoryOwner,
  id: BlockId,
  change: { value?: string; description?: string; label?: string },
): Promise<number> {
  const { version } = await tx
    .updateTable('blocks')
    .set((block) => ({
      ...change,
      version: block('version', '+', 1),
      last_writer: owner.writer,
      updated_at: sql<string>`now()`,
    }))
    .where('organization_id', '=', owner.organizationId)
    .where('id', '=', id)
    .returning('version')
    .executeTakeFirstOrThrow()
  await saveHistory(tx, owner.organizationId, id)
  return version
}

/** Keeps the block as it is now under its version. */
export async function saveHistory(tx: Db, organizationId: OrganizationId, id: BlockId): Promise<void> {
  await sql`
    insert into block_history (organization_id, block_id, version, label, value, description, writer)
    select organization_id, id, version, label, value, description, last_writer from blocks
    where organization_id = ${organizationId} and id = ${id}
    on conflict do nothing
  `.execute(tx)
}

async function createBlock(
  tx: Db,
  owner: MemoryOwner,
  edit: Extract<MemoryEdit, { type: 'create' }>,
): Promise<number> {
  await tx
    .insertInto('blocks')
    .values({
      organization_id: owner.organizationId,
      id: edit.blockId,
      label: edit.label,
      value: edit.value,
      description: edit.description,
      metadata: '{}',
      last_writer: owner.writer,
    })
    .execute()
  await tx
    .insertInto('agent_blocks')
    .values({
      organization_id: owner.organizationId,
      agent_id: owner.agentId,
      block_id: edit.blockId,
      label: edit.label,
    })
    .execute()
  await saveHistory(tx, owner.organizationId, edit.blockId)
  return 1
}

async function relabel(tx: Db, owner: MemoryOwner, id: BlockId, label: string): Promise<void> {
  for (const table of ['agent_blocks', 'conversation_blocks'] as const) {
    await tx
      .updateTable(table)
      .set({ label })
      .where('organization_id', '=', owner.organizationId)
      .where('block_id', '=', id)
      .execute()
  }
}

async function detach(tx: Db, owner: MemoryOwner, id: BlockId): Promise<void> {
  await tx
    .deleteFrom('agent_blocks')
    .where('organization_id', '=', owner.organizationId)
    .where('agent_id', '=', owner.agentId)
    .where('block_id', '=', id)
    .execute()
  await tx
    .deleteFrom('conversation_blocks')
    .where('organization_id', '=', owner.organizationId)
    .where('conversation_id', '=', owner.conversationId)
    .where('block_id', '=', id)
    .execute()
}
