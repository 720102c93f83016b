import { z } from 'zod'
import type { JsonObject } from '../domain/json.ts'
import { ToolError } from './tool-error.ts'

/** What the model is told about one parameter, and what an argument for it must be. */
export type Parameter<Value = unknown> = { schema: JsonObject; check: z.ZodType<Value>; required: boolean }
/** A tool's parameters by name, in the order in which they are shown. */
export type ParameterTable = Record<string, Parameter>
export type ArgumentsOf<Table extends ParameterTable> = {
  [Name in keyof Table]: z.output<Table[Name]['check']>
}

export function text(description?: string): Parameter<string> {
  return parameter({ type: 'string' }, z.string().transform(storable), description)
}

export function integer(description?: string): Parameter<number> {
  return parameter({ type: 'integer' }, z.number().int(), description)
}

export function boolean(description?: string): Parameter<boolean> {
  return parameter({ type: 'boolean' }, z.boolean(), description)
}

export function oneOf<const Value extends string>(
  values: readonly Value[],
  description?: string,
): Parameter<Value> {
  return parameter({ type: 'string', enum: [...values] }, z.enum(values), description)
}

export function listOf<Value>(item: Parameter<Value>, description?: string): Parameter<Value[]> {
  return parameter({ type: 'array', items: item.schema }, z.array(item.check), description)
}

export function record<Table extends ParameterTable>(table: Table): Parameter<ArgumentsOf<Table>> {
  return parameter(schemaOf(table), checkOf(table))
}

/** A parameter that may be left out or be null; the tool sees null in both cases. */
export function optional<Value>({ schema, check }: Parameter<Value>): Parameter<Value | null> {
  return { schema, check: check.nullable().default(null), required: false }
}

function parameter<Value>(
  schema: JsonObject,
  check: z.ZodType<Value>,
  description?: string,
): Parameter<Value> {
  return { schema: { ...schema, ...(description !== undefined && { description }) }, check, required: true }
}

/** The JSON Schema of a table. */
export function schemaOf(table: ParameterTable): JsonObject {
  const entries = Object.entries(table)
  return {
    type: 'object',
    properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
    required: entries.filter(([, { required }]) => required).map(([name]) => name),
  }
}

/** The check of a table. Arguments that it does not name are dropped. */
export function checkOf<Table extends ParameterTable>(table: Table): z.ZodType<ArgumentsOf<Table>> {
  const shape = Object.fromEntries(Object.entries(table).map(([name, { check }]) => [name, check]))
  // The object has the table's names, each with the table's own check; `fromEntries` forgets that.
  return z.object(shape) as unknown as z.ZodType<ArgumentsOf<Table>>
}

/** The arguments as a tool takes them. Otherwise the model is told which are missing, or else which do not fit. */
export function readArguments<Value>(tool: string, check: z.ZodType<Value>, args: JsonObject): Value {
  const result = check.safeParse(args)
  if (result.success) return result.data
  const { issues } = result.error
  const missing = issues.map(({ path }) => String(path[0])).filter((name) => !Object.hasOwn(args, name))
  if (missing.length > 0) {
    const noun = missing.length === 1 ? 'argument' : 'arguments'
    const names = missing.map((name) => `'${name}'`).join(', ')
    throw new ToolError(`${tool}() is missing ${missing.length} required ${noun}: ${names}`, 'TypeError')
  }
  const wrong = issues.map(({ path, message }) => `'${path.join('.')}': ${message}`)
  throw new ToolError(`${tool}() got arguments that do not fit: ${wrong.join('; ')}`, 'TypeError')
}

/** Models can write what no database stores as text: NUL, and halves of characters. */
function storable(value: string): string {
  return value.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '')
}
