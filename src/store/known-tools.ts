import { type Selectable, sql } from 'kysely'
import { LRUCache } from 'lru-cache'
import type { OrganizationId, ToolId } from '../domain/id.ts'
import type { ToolRecord } from '../domain/tool.ts'
import type { Db, ToolsTable } from './schema.ts'
import { statement } from './statement.ts'

/** A tool in one of its versions: `xmin`, which every change of the row replaces, whoever makes it. */
export type ToolRef = { id: ToolId; version: string }

/** Characters of schemas. */
const KEPT_MAX = 16_000_000

/**
 * Tools in the versions that agents have been given. They are most of what there is to read of an agent, and the same for
 * every agent that has them and in every step: read once, and once in memory however many runs hold them.
 */
const kept = new LRUCache<string, ToolRecord>({ maxSize: KEPT_MAX })

/** The tools, in this order. One that has changed meanwhile is the newer one; one that is gone is left out. */
export async function readKnownTools(
  db: Db,
  organizationId: OrganizationId,
  refs: ToolRef[],
): Promise<ToolRecord[]> {
  const known = refs.map((ref) => kept.get(keyOf(ref)))
  const missing = refs.filter((_, index) => !known[index]).map(({ id }) => id)
  const read = missing.length === 0 ? [] : await selectTools(db, { organizationId, ids: missing })
  const fresh = new Map(read.map((row) => [row.id, keep(row)]))
  return refs.flatMap(({ id }, index) => known[index] ?? fresh.get(id) ?? [])
}

function keyOf({ id, version }: ToolRef): string {
  return `${id} ${version}`
}

const selectTools = statement(
  (db, { organizationId, ids }: { organizationId: OrganizationId; ids: ToolId[] }) =>
    db
      .selectFrom('tools')
      .where('organization_id', '=', organizationId)
      .where('id', '=', sql<ToolId>`any(${ids})`)
      .select([
        'id',
        sql<string>`xmin::text`.as('version'),
        'name',
        'tool_type',
        sql<string | null>`json_schema::text`.as('schema'),
        'description',
        'return_char_limit',
        'default_requires_approval',
        'enable_parallel_execution',
      ]),
)

type Row = ToolRef & { schema: string | null } & Pick<
    Selectable<ToolsTable>,
    | 'name'
    | 'tool_type'
    | 'description'
    | 'return_char_limit'
    | 'default_requires_approval'
    | 'enable_parallel_execution'
  >

function keep(row: Row): ToolRecord {
  const tool = frozen(toTool(row))
  kept.set(keyOf(row), tool, { size: 500 + (row.schema?.length ?? 0) })
  return tool
}

/** Many runs hold it. */
function frozen<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value
  Object.values(value).forEach(frozen)
  return Object.freeze(value)
}

function toTool(row: Row): ToolRecord {
  return {
    id: row.id,
    name: row.name,
    toolType: row.tool_type,
    spec: specOf(row),
    returnCharLimit: row.return_char_limit,
    defaultRequiresApproval: row.default_requires_approval ?? false,
    enableParallelExecution: row.enable_parallel_execution ?? false,
  }
}

/** A stored schema is the old server's: `{name, description, parameters}`. */
function specOf({ name, description, schema: text }: Row): ToolRecord['spec'] {
  const schema = text === null ? null : (JSON.parse(text) as ToolRecord['spec']['parameters'] | null)
  const parameters = schema?.parameters
  return {
    name,
    description: typeof schema?.description === 'string' ? schema.description : (description ?? ''),
    parameters:
      typeof parameters === 'object' && parameters !== null && !Array.isArray(parameters)
        ? parameters
        : { type: 'object', properties: {} },
  }
}
