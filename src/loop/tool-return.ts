import type { JsonObject } from '../domain/json.ts'
import type { ToolCall, ToolReturn, UserPart } from '../domain/message.ts'
import type { ToolRecord, ToolResult, ToolType } from '../domain/tool.ts'
import { charCount, cutText } from '../lib/cut.ts'

/** Characters of a failed call's text. */
const ERROR_CHARS_MAX = 1_000
/** Characters of one result that any window has room for. */
const RESULT_CHARS_MIN = 5_000
/** Share of the window that one result may take, and the characters that a token is taken for. */
const RESULT_SHARE = 0.2
const CHARS_PER_TOKEN = 4
/** Images of one result, and characters of each one's base64 (15 MB). */
const IMAGES_MAX = 20
const IMAGE_CHARS_MAX = 20_000_000

/** Tools of the agent's own memory say what is wrong in their own words; only `stderr` names the error. */
const ANSWERS_PLAINLY: ToolType[] = ['letta_core', 'letta_memory_core', 'letta_sleeptime_core']

/** What the model reads of a call that was run. */
export function returnOf(call: ToolCall, tool: ToolRecord, result: ToolResult, time: string): ToolReturn {
  const stdout = result.stdout ?? null
  if (!result.ok) {
    const text = errorText(call.name, result.errorName, result.message)
    const output = ANSWERS_PLAINLY.includes(tool.toolType) ? cutText(result.message, ERROR_CHARS_MAX) : text
    const stderr = result.stderr?.length ? result.stderr : [text]
    return { ...blank(call, time), status: 'error', output, stdout, stderr }
  }
  const output = boundedOutput(result.output, tool.returnCharLimit)
  return { ...blank(call, time), output, stdout, stderr: result.stderr ?? null }
}

/** A call that was not run, with the reason that the model gets to read. */
export function refusalOf(call: ToolCall, text: string, time: string): ToolReturn {
  return { ...blank(call, time), status: 'error', output: text }
}

export function denialOf(call: ToolCall, reason: string | null, time: string): ToolReturn {
  return refusalOf(call, denialText(reason), time)
}

/** Clients match on the beginning. */
export function denialText(reason: string | null): string {
  return `Error: request to call tool denied. User reason: ${reason ?? 'None'}`
}

/**
 * A result that a client sent, cut to what the model may read at once: its texts, and the number and size of
 * images.
 */
export function clampClientReturn(result: ToolReturn, charsMax: number): ToolReturn {
  const { output } = result
  if (typeof output === 'string') return { ...result, output: clampText(output, charsMax) }
  if (Array.isArray(output)) return { ...result, output: clampParts(output, charsMax) }
  const text = JSON.stringify(output)
  return text.length > charsMax ? { ...result, output: clampText(text, charsMax) } : result
}

/** Characters of one result that fit a window of so many tokens. */
export function toolReturnCharsMax(contextWindow: number | null): number {
  return Math.max(RESULT_CHARS_MIN, Math.floor((contextWindow ?? 0) * RESULT_SHARE * CHARS_PER_TOKEN))
}

/** A text with a note of how much was cut off. */
export function clampText(text: string, charsMax: number): string {
  const count = text.length > charsMax ? charCount(text) : 0
  return count > charsMax ? `${cutText(text, charsMax)}... [truncated ${count - charsMax} chars]` : text
}

/** The texts of one result share the bound, in their order. */
function clampParts(parts: UserPart[], charsMax: number): UserPart[] {
  let charsLeft = charsMax
  let images = 0
  return parts.map((part): UserPart => {
    if (part.type === 'text') {
      const text = clampText(part.text, charsLeft)
      charsLeft = Math.max(0, charsLeft - charCount(part.text))
      return { ...part, text }
    }
    images += 1
    const fits = part.source.type === 'url' || part.source.data.length <= IMAGE_CHARS_MAX
    if (fits && images <= IMAGES_MAX) return part
    return { type: 'text', text: '[An image is left out: it is too large, or there are too many.]' }
  })
}

function blank(call: ToolCall, time: string): ToolReturn {
  return { callId: call.id, name: call.name, status: 'success', output: '', time, stdout: null, stderr: null }
}

/** Clients and tests match on the beginning, up to the message. */
function errorText(name: string, errorName: string, message: string): string {
  return cutText(`Error executing function ${name}: ${errorName}: ${message}`, ERROR_CHARS_MAX)
}

/** The one place that cuts what a tool of ours returned. An object stays one unless it has to be cut. */
function boundedOutput(output: string | JsonObject, charsMax: number): string | JsonObject {
  const text = typeof output === 'string' ? output : JSON.stringify(output)
  const count = text.length > charsMax ? charCount(text) : 0
  if (count <= charsMax) return output
  // Clients and tests match on the note.
  const note = `function output was truncated since it exceeded the character limit (${count} > ${charsMax})`
  return `${cutText(text, charsMax)}... [NOTE: ${note}]`
}
