import type { JsonObject } from '../domain/json.ts'
import { cutText } from '../lib/cut.ts'
import { isRawNumber, parseExact } from '../lib/exact-json.ts'

export type ParsedArguments = { ok: true; args: JsonObject } | { ok: false; message: string }

/** Characters of what the model wrote that an error quotes. */
const QUOTE_CHARS_MAX = 200
/** Times that an object may be found inside a string. */
const UNWRAP_MAX = 2
/** Places where a text may be cut behind its first object. */
const CUTS_MAX = 32

/**
 * The arguments of a call. Strict first: only what does not parse is tried as what some models send instead
 * (two objects in a row; nothing at all). An object that was encoded twice is unwrapped. What cannot be read
 * is an error for the model, never `{}`: a call with arguments that nobody gave must not run.
 */
export function parseArguments(text: string): ParsedArguments {
  if (text.trim() === '') return { ok: true, args: {} }
  const whole = parse(text)
  if (whole.ok) return objectOf(whole.value, UNWRAP_MAX)
  const first = firstOfSeveral(text)
  if (first) return { ok: true, args: first }
  return {
    ok: false,
    message: `the arguments are not valid JSON (${whole.message}): ${cutText(text, QUOTE_CHARS_MAX)}`,
  }
}

/** The first object of a text in which another follows it directly, as in `{"a":1}{"a":1}`. */
function firstOfSeveral(text: string): JsonObject | undefined {
  let at = text.indexOf('}{')
  for (let cuts = 0; at >= 0 && cuts < CUTS_MAX; cuts++) {
    const head = parse(text.slice(0, at + 1))
    if (head.ok && isObject(head.value)) return head.value
    at = text.indexOf('}{', at + 1)
  }
  return undefined
}

function objectOf(value: unknown, unwrapMax: number): ParsedArguments {
  if (isObject(value)) return { ok: true, args: value }
  if (value === null) return { ok: true, args: {} }
  if (typeof value === 'string' && unwrapMax > 0) {
    const inner = parse(value)
    if (inner.ok) return objectOf(inner.value, unwrapMax - 1)
  }
  const shown = cutText(JSON.stringify(value), QUOTE_CHARS_MAX)
  return { ok: false, message: `the arguments must be a JSON object, not ${shown}` }
}

/** What `parseExact` makes of an object holds JSON values only. */
function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !isRawNumber(value)
}

function parse(text: string): { ok: true; value: unknown } | { ok: false; message: string } {
  try {
    return { ok: true, value: parseExact(text) }
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) }
  }
}
