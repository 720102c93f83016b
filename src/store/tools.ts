import { type Selectable, sql, type Updateable } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import { Fault } from '../domain/fault.ts'
import { newId, type OrganizationId, type ToolId } from '../domain/id.ts'
import type { BuiltInTool } from '../domain/tool.ts'
import { RETURN_CHARS_MAX_DEFAULT } from '../domain/tool.ts'
import type { Db, ToolsTable } from './schema.ts'
import { isUniqueViolation } from './transaction.ts'

/** A tool as it is stored and, nearly, as it is shown. */
export type ToolRow = Selectable<ToolsTable>
export type ToolChange = Omit<Updateable<ToolsTable>, 'organization_id' | 'id'>

/** Faults: not_found. */
export async function getTool(db: Db, organizationId: OrganizationId, id: ToolId): Promise<ToolRow> {
  const row = await db
    .selectFrom('tools')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .executeTakeFirst()
  if (!row) throw toolMissing(id)
  return row
}

function toolMissing(id: string): Fault {
  return new Fault('not_found', `Tool not found with id='['${id}']'`)
}

/** Those of the tools that there are, held against deletion until the transaction ends. */
export async function holdTools(
  tx: Db,
  organizationId: OrganizationId,
  wanted: { ids: ToolId[]; names: string[] },
): Promise<ToolRow[]> {
  if (wanted.ids.length + wanted.names.length === 0) return []
  return tx
    .selectFrom('tools')
    .where('organization_id', '=', organizationId)
    .where((tool) =>
      tool.or([
        tool('id', '=', sql<ToolId>`any(${wanted.ids})`),
        tool('name', '=', sql<string>`any(${wanted.names})`),
      ]),
    )
    .orderBy('id')
    .selectAll()
    .forKeyShare()
    .execute()
}

/**
 * Brings an organisation's built-in tools to what this server has: text and schema always, since users cannot change
 * them; everything else only where the tool is new.
 */
export async function saveBuiltInTools(db: Db, actor: Actor, tools: BuiltInTool[]): Promise<void> {
  const maker = { created_by_id: actor.userId, last_updated_by_id: actor.userId }
  await db
    .insertInto('tools')
    .values(tools.map((tool) => ({ ...toRow(tool), ...maker, organization_id: actor.organizationId })))
    .onConflict((conflict) =>
      conflict
        .columns(['organization_id', 'name'])
        .doUpdateSet((row) => ({
          tool_type: row.ref('excluded.tool_type'),
          json_schema: row.ref('excluded.json_schema'),
          updated_at: sql<string>`now()`,
        }))
        .where('tools.tool_type', '<>', 'custom')
        .where(sql<boolean>`tools.json_schema::text is distinct from excluded.json_schema::text`),
    )
    .execute()
}

/** Brings the texts and schemas of the built-in tools up to date in every organisation: once, when the server starts. */
export async function refreshBuiltInTools(db: Db, tools: BuiltInTool[]): Promise<void> {
  const specs = tools.map((tool) => ({ name: tool.spec.name, json_schema: schemaOf(tool) }))
  await sql`
    update tools set json_schema = spec.json_schema, updated_at = now()
    from json_to_recordset(${JSON.stringify(specs)}::json) as spec (name text, json_schema json)
    where tools.name = spec.name and tools.tool_type <> 'custom'
      and tools.json_schema::text is distinct from spec.json_schema::text
  `.execute(db)
}

function schemaOf(tool: BuiltInTool) {
  const { name, description, parameters } = tool.spec
  return { name, description, parameters }
}

function toRow(tool: BuiltInTool) {
  const { name, description } = tool.spec
  return {
    id: newId('tool'),
    name,
    tool_type: tool.toolType,
    description,
    source_type: 'python',
    json_schema: JSON.stringify(schemaOf(tool)),
    tags: JSON.stringify([tool.toolType]),
    return_char_limit: RETURN_CHARS_MAX_DEFAULT,
    enable_parallel_execution: tool.enableParallelExecution,
    metadata: '{}',
  }
}

/** Faults: not_found; bad_request for a name that another tool has. */
export async function updateTool(db: Db, actor: Actor, id: ToolId, change: ToolChange): Promise<ToolRow> {
  const row = await db
    .updateTable('tools')
    .set({ ...change, last_updated_by_id: actor.userId, updated_at: sql<string>`now()` })
    .where('organization_id', '=', actor.organizationId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
    .catch((error) => Promise.reject(isUniqueViolation(error) ? nameTaken(change.name ?? '') : error))
  if (!row) throw toolMissing(id)
  return row
}

function nameTaken(name: string): Fault {
  return new Fault('bad_request', `Tool with name ${name} already exists`)
}

/** Faults: not_found. */
export async function deleteTool(db: Db, organizationId: OrganizationId, id: ToolId): Promise<void> {
  const { numDeletedRows } = await db
    .deleteFrom('tools')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (numDeletedRows === 0n) throw toolMissing(id)
}
