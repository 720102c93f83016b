import type { Json, JsonObject } from '../domain/json.ts'

/**
 * A tool's parameters as OpenAI's strict mode takes them, where the arguments keep to the schema to the letter: every
 * property is required, and one that was optional may be null instead. Null: it cannot be said in that mode.
 */
export function strictSchema(parameters: JsonObject): JsonObject | null {
  const properties = objectOf(parameters.properties)
  const required = new Set(Array.isArray(parameters.required) ? parameters.required : [])
  const nullable = Object.entries(properties).map(([name, schema]) => {
    const closed = closedSchema(objectOf(schema))
    return [name, required.has(name) ? closed : orNull(closed)] as const
  })
  const strict = { ...parameters, ...closedObject(Object.fromEntries(nullable)) }
  return isOpen(strict) ? null : strict
}

function closedObject(properties: JsonObject): JsonObject {
  return { properties, required: Object.keys(properties), additionalProperties: false }
}

/** A schema inside: objects with properties are closed, however deep they are. */
function closedSchema(schema: JsonObject): JsonObject {
  const properties = objectOf(schema.properties)
  const within = Object.entries(properties).map(([name, inner]) => [name, closedSchema(objectOf(inner))])
  return {
    ...schema,
    ...(within.length > 0 && closedObject(Object.fromEntries(within))),
    ...(isObject(schema.items) && { items: closedSchema(schema.items) }),
    ...(Array.isArray(schema.anyOf) && { anyOf: schema.anyOf.map((one) => closedSchema(objectOf(one))) }),
  }
}

const NULL = { type: 'null' }

function orNull(schema: JsonObject): JsonObject {
  if ('$ref' in schema) return { anyOf: [schema, NULL] }
  if (Array.isArray(schema.anyOf)) return { ...schema, anyOf: withOnce(schema.anyOf, NULL) }
  const { type, enum: values } = schema
  return {
    ...schema,
    ...(type !== undefined && { type: Array.isArray(type) ? withOnce(type, 'null') : [type, 'null'] }),
    ...(Array.isArray(values) && { enum: withOnce(values, null) }),
  }
}

function withOnce(list: Json[], item: Json): Json[] {
  return list.some((one) => JSON.stringify(one) === JSON.stringify(item)) ? list : [...list, item]
}

const SAYS_WHAT = ['type', 'anyOf', '$ref', 'enum', 'const']

/** Somewhere in it is something that may be anything, or an object whose members nobody has named. */
function isOpen(schema: JsonObject): boolean {
  if (!SAYS_WHAT.some((key) => key in schema)) return true
  const types = Array.isArray(schema.type) ? schema.type : [schema.type]
  if (types.includes('object') && schema.additionalProperties !== false) return true
  const branches = Array.isArray(schema.anyOf) ? schema.anyOf : []
  return [...Object.values(objectOf(schema.properties)), ...branches, schema.items ?? null].some(
    (inner) => isObject(inner) && isOpen(inner),
  )
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function objectOf(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {}
}
