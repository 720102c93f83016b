import type { Json, JsonObject } from '../../src/domain/json.ts'

/** The parts of the API's document that requests are made from. */
export type Schema = {
  $ref?: string
  type?: string | string[]
  enum?: Json[]
  default?: Json
  example?: Json
  minimum?: number
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  allOf?: Schema[]
}
export type Parameter = { in: 'path' | 'query' | 'header'; name: string; required?: boolean; schema: Schema }
export type Operation = {
  operationId: string
  parameters?: Parameter[]
  requestBody?: { content: Record<string, { schema: Schema }> }
}
export type ApiDocument = {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}

/** How deep optional members are filled: schemas may hold themselves. */
const FILLED_LEVELS = 3

/** A value that the schema takes: enough of one to reach what is behind the check. */
export function fitting(document: ApiDocument, given: Schema, level = 0): Json {
  const schema = resolved(document, given)
  const [choice] = schema.anyOf ?? schema.oneOf ?? []
  if (choice) return fitting(document, choice, level)
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => fitting(document, part, level)))
  const value = schema.example ?? schema.default ?? schema.enum?.[0]
  if (value !== undefined) return value
  switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
    case 'object':
      return fittingObject(document, schema, level)
    case 'array':
      return schema.items && level < FILLED_LEVELS ? [fitting(document, schema.items, level + 1)] : []
    case 'integer':
    case 'number':
      return Math.max(1, schema.minimum ?? 1)
    case 'boolean':
      return true
    default:
      return 'text'
  }
}

function fittingObject(document: ApiDocument, schema: Schema, level: number): JsonObject {
  const required = new Set(schema.required)
  const members = Object.entries(schema.properties ?? {}).filter(([name]) => required.has(name))
  return Object.fromEntries(members.map(([name, member]) => [name, fitting(document, member, level + 1)]))
}

/** The members that an object of the schema can have; none for what is no object. */
export function membersOf(document: ApiDocument, given: Schema): string[] {
  const schema = resolved(document, given)
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]
  return [
    ...new Set([
      ...Object.keys(schema.properties ?? {}),
      ...parts.flatMap((part) => membersOf(document, part)),
    ]),
  ]
}

function resolved(document: ApiDocument, schema: Schema): Schema {
  const name = schema.$ref?.replace('#/components/schemas/', '')
  return name === undefined ? schema : resolved(document, document.components.schemas[name] ?? {})
}
