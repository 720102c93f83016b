import type { z } from '@hono/zod-openapi'
import { Fault } from '../domain/fault.ts'
import { printed } from '../lib/printed.ts'

export type Place = 'path' | 'query' | 'body'
type Issue = z.core.$ZodIssue
type Named = { type: string; msg: string; ctx?: Record<string, unknown> }

/** One place of a request that does not fit, with what was sent there. */
export type Misfit = { place: Place; issue: Issue; input: unknown }

/**
 * A request that does not fit its schema. The body keeps the old server's form: one text that holds a Python list,
 * and an example when an id was malformed.
 */
export function invalidRequest(misfits: Misfit[]): Fault {
  const example = misfits.flatMap(exampleOf)[0]
  const detail = `[${misfits.map(describe).join(', ')}]`
  return new Fault('unprocessable', detail, { trace_id: '', ...(example && { examples: [example] }) })
}

function describe({ place, issue, input }: Misfit): string {
  const value = valueAt(input, issue.path)
  const { type, msg, ctx } = nameOf(issue, value)
  const loc = [place, ...issue.path].map((part) => printed([part]).slice(1, -1))
  const tuple = loc.length === 1 ? `(${loc[0]},)` : `(${loc.join(', ')})`
  const shown = type === 'missing' ? valueAt(input, issue.path.slice(0, -1)) : value
  const parts = [
    `'type': ${quote(type)}`,
    `'loc': ${tuple}`,
    `'msg': ${quote(msg)}`,
    `'input': ${literal(shown)}`,
  ]
  return `{${[...parts, ...(ctx ? [`'ctx': ${literal(ctx)}`] : [])].join(', ')}}`
}

function quote(text: string): string {
  return literal(text)
}

/** `printed` leaves a bare text bare; inside a list it is quoted. */
function literal(value: unknown): string {
  return printed([value]).slice(1, -1)
}

function valueAt(input: unknown, path: readonly PropertyKey[]): unknown {
  let value = input
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined
    value = (value as Record<PropertyKey, unknown>)[key]
  }
  return value
}

function nameOf(issue: Issue, value: unknown): Named {
  switch (issue.code) {
    case 'invalid_type':
      return value === undefined ? MISSING : wrongType(issue.expected, value, issue.message)
    case 'invalid_value': {
      const expected = listed(issue.values.map((allowed) => literal(allowed)))
      if (value === undefined) return MISSING
      return { type: 'literal_error', msg: `Input should be ${expected}`, ctx: { expected } }
    }
    case 'invalid_format':
      return { type: 'string_pattern_mismatch', msg: issue.message, ctx: { pattern: sourceOf(issue) } }
    case 'unrecognized_keys':
      return { type: 'extra_forbidden', msg: `Extra inputs are not permitted: ${issue.keys.join(', ')}` }
    case 'too_small':
      return bounded(issue, 'greater_than_equal', 'too_short', { ge: Number(issue.minimum) })
    case 'too_big':
      return bounded(issue, 'less_than_equal', 'too_long', { le: Number(issue.maximum) })
    case 'invalid_union':
      return { type: 'union_tag_invalid', msg: issue.message }
    default:
      return { type: 'value_error', msg: `Value error, ${issue.message}` }
  }
}

const MISSING: Named = { type: 'missing', msg: 'Field required' }

const TYPES: Record<string, Named> = {
  string: { type: 'string_type', msg: 'Input should be a valid string' },
  number: { type: 'int_type', msg: 'Input should be a valid number' },
  int: { type: 'int_type', msg: 'Input should be a valid integer' },
  boolean: { type: 'bool_type', msg: 'Input should be a valid boolean' },
  array: { type: 'list_type', msg: 'Input should be a valid list' },
  record: { type: 'dict_type', msg: 'Input should be a valid dictionary' },
  object: {
    type: 'model_attributes_type',
    msg: 'Input should be a valid dictionary or object to extract fields from',
  },
}

function wrongType(expected: string, value: unknown, message: string): Named {
  if (typeof value === 'string' && (expected === 'number' || expected === 'int')) {
    return {
      type: 'int_parsing',
      msg: 'Input should be a valid integer, unable to parse string as an integer',
    }
  }
  if (typeof value === 'string' && expected === 'boolean') {
    return { type: 'bool_parsing', msg: 'Input should be a valid boolean, unable to interpret input' }
  }
  return TYPES[expected] ?? { type: `${expected}_type`, msg: message }
}

function bounded(
  issue: Extract<Issue, { code: 'too_small' | 'too_big' }>,
  numberType: string,
  lengthType: string,
  ctx: Record<string, unknown>,
): Named {
  const isNumber = issue.origin === 'number' || issue.origin === 'int'
  return isNumber
    ? { type: numberType, msg: issue.message, ctx }
    : { type: `${issue.origin === 'string' ? 'string_' : ''}${lengthType}`, msg: issue.message }
}

function listed(values: string[]): string {
  return values.length < 2 ? values.join('') : `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`
}

function sourceOf(issue: Extract<Issue, { code: 'invalid_format' }>): string {
  return 'pattern' in issue && typeof issue.pattern === 'string' ? issue.pattern.replace(/^\/|\/$/g, '') : ''
}

const EXAMPLE_UUID = '123e4567-e89b-42d3-8456-426614174000'

function exampleOf({ place, issue }: Misfit): string[] {
  if (place !== 'path' || issue.code !== 'invalid_format') return []
  const prefix = /^\^([a-z_-]+)-\[0-9a-f\]\{8\}/.exec(sourceOf(issue))?.[1]
  return prefix ? [`${prefix}-${EXAMPLE_UUID}`] : []
}
