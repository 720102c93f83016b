/**
 * A value as Python prints it: `None`, `True`, `[1, 'two', None]`. Results that are neither text nor objects
 * reach models and clients in this form, because that is what agents and tests of the old server have learnt
 * to read.
 */
export function printed(value: unknown): string {
  return typeof value === 'string' ? value : literal(value)
}

function literal(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value === 'object') {
    const items = Object.entries(value).map(([key, item]) => `${quoted(key)}: ${literal(item)}`)
    return `{${items.join(', ')}}`
  }
  return String(value)
}

/** Single quotes, unless the text has some and no double ones. */
function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(/[\\']|\p{Cc}/gu, (char) => escapeOf(char, quote))
  return quote + escaped + quote
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escapeOf(char: string, quote: string): string {
  if (char === "'") return quote === "'" ? "\\'" : char
  return ESCAPES[char] ?? `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`
}
