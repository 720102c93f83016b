import type { JsonObject } from '../domain/json.ts'

export type Merged = { ok: true; args: JsonObject } | { ok: false; message: string }

/** A rule's arguments over the model's. They must fit the tool's own schema, or the tool is not run. */
export function mergePrefilled(
  args: JsonObject,
  prefilled: JsonObject,
  parameters: JsonObject,
  source: string,
): Merged {
  const properties = objectIn(parameters.properties) ?? {}
  const wrong = Object.entries(prefilled).flatMap(([key, value]) => {
    const schema = objectIn(properties[key])
    if (!schema) return [`${key} is not a parameter`]
    return fits(value, schema) ? [] : [`${key} does not fit the schema of the parameter`]
  })
  if (wrong.length === 0) return { ok: true, args: { ...args, ...prefilled } }
  return {
    ok: false,
    message: `[ToolConstraintError] Invalid prefilled arguments (from ${source}): ${wrong.join('; ')}`,
  }
}

/** A shallow check: constants, enumerations, alternatives, types. What it does not know it lets pass. */
function fits(value: unknown, schema: JsonObject): boolean {
  if ('const' in schema) return same(value, schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.some((option) => same(value, option))
  const options = schema.anyOf ?? schema.oneOf
  if (Array.isArray(options)) return options.some((option) => fits(value, objectIn(option) ?? {}))
  if (schema.type === undefined) return true
  const types = Array.isArray(schema.type) ? schema.type : [schema.type]
  return types.some((type) => isOfType(value, String(type)))
}

function isOfType(value: unknown, type: string): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'integer':
      return Number.isInteger(value)
    case 'number':
      return typeof value === 'number'
    case 'null':
      return value === null
    case 'array':
      return Array.isArray(value)
    case 'object':
      return objectIn(value) !== undefined
    default:
      return true
  }
}

function objectIn(value: unknown): JsonObject | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as JsonObject)
    : undefined
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
