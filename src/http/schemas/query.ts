import { z } from '@hono/zod-openapi'
import { INT_MAX } from './basics.ts'

/** Of a name that comes more than once, the last counts, unless a list is wanted. */
function lastOf(value: unknown): unknown {
  return Array.isArray(value) ? value.at(-1) : value
}

function toNumber(value: unknown): unknown {
  const text = lastOf(value)
  return typeof text === 'string' && /^\s*[+-]?\d+\s*$/.test(text) ? Number(text) : text
}

const TRUE = new Set(['true', '1', 'yes', 'on', 't', 'y'])
const FALSE = new Set(['false', '0', 'no', 'off', 'f', 'n'])

function toBoolean(value: unknown): unknown {
  const text = lastOf(value)
  if (typeof text !== 'string') return text
  if (TRUE.has(text.toLowerCase())) return true
  return FALSE.has(text.toLowerCase()) ? false : text
}

export function queryText() {
  return z.preprocess(lastOf, z.string().optional()).openapi({ type: 'string' })
}

/** Undefined when absent; give a default with `.default(…)` on the result's use. */
export function queryInt(bounds: { min?: number; max?: number } = {}) {
  const { min = -INT_MAX, max = INT_MAX } = bounds
  return z.preprocess(toNumber, z.int().min(min).max(max).optional()).openapi({ type: 'integer' })
}

export function queryBool() {
  return z.preprocess(toBoolean, z.boolean().optional()).openapi({ type: 'boolean' })
}

export function queryEnum<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.preprocess(lastOf, z.enum(values).optional()).openapi({ type: 'string', enum: [...values] })
}

function toList(value: unknown): unknown {
  return typeof value === 'string' ? [value] : value
}

/** A name that may come again: `tags=a&tags=b`. */
export function queryTexts() {
  return z
    .preprocess(toList, z.array(z.string()).optional())
    .openapi({ type: 'array', items: { type: 'string' } })
}

export function queryEnums<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z
    .preprocess(toList, z.array(z.enum(values)).optional())
    .openapi({ type: 'array', items: { type: 'string', enum: [...values] } })
}

export function queryInts() {
  const numbers = (value: unknown) => (Array.isArray(value) ? value.map(toNumber) : [toNumber(value)])
  return z
    .preprocess((value) => (value === undefined ? value : numbers(value)), z.array(z.int()).optional())
    .openapi({ type: 'array', items: { type: 'integer' } })
}

/** How lists page. `after` and `before` are ids; `before` means earlier in the order that was asked for. */
export const paging = {
  before: queryText(),
  after: queryText(),
  limit: queryInt({ min: 0 }),
  order: queryEnum(['asc', 'desc']),
}
