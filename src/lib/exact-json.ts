/** A number kept as its own text. `JSON.stringify` writes it as it was read. */
export type RawNumber = { readonly rawJSON: string }

/** The two functions are in Node since 22; the compiler's library does not list them yet. */
const json = JSON as typeof JSON & { rawJSON(text: string): RawNumber; isRawJSON(value: unknown): boolean }

/**
 * `JSON.parse` for values that are passed on: an integer that a double cannot hold (a chat's or a user's id,
 * say) stays what it was, digit for digit. Throws what `JSON.parse` throws.
 */
export function parseExact(text: string): unknown {
  return JSON.parse(text, keepInteger as (key: string, value: unknown) => unknown)
}

/** Whether a parsed value is a number that was kept as text. */
export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value)
}

function keepInteger(_key: string, value: unknown, context: { source?: string }): unknown {
  const { source } = context
  const isInexact = typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '')
  return isInexact && source !== undefined ? json.rawJSON(source) : value
}
