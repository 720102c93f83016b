import { Fault } from '../domain/fault.ts'
import type { Json } from '../domain/json.ts'
import { parseExact } from '../lib/exact-json.ts'

/** Levels of nesting. Deeper values are nobody's data, and would cost a stack somewhere behind. */
const DEPTH_MAX = 200

/**
 * A request's JSON, or undefined for an empty body. Text is cleaned here, once for the whole server: no NUL, which
 * PostgreSQL cannot store, and no half of a surrogate pair. Faults: too_large; client_gone; unprocessable for broken JSON.
 */
export async function readBody(request: Request, bytesMax: number): Promise<Json | undefined> {
  const text = await readText(request, bytesMax)
  return text.trim() === '' ? undefined : cleaned(parse(text))
}

async function readText(request: Request, bytesMax: number): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax * PASSED_OVER) throw tooLarge(bytesMax)
  if (!request.body) return ''
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of arriving(request.body)) {
    bytes += chunk.byteLength
    text = bytes > bytesMax ? '' : text + decoder.decode(chunk, { stream: true })
    if (bytes > bytesMax * PASSED_OVER) break
  }
  if (bytes > bytesMax) throw tooLarge(bytesMax)
  return text + decoder.decode()
}

/**
 * What is too large by less than this is still let in, and forgotten: many clients do not listen before they have sent
 * everything, and would not hear why they are refused.
 */
const PASSED_OVER = 2

/** Faults: client_gone when the connection ends before the body does. */
async function* arriving(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } catch {
    throw new Fault('client_gone', 'The connection has ended before the request was complete')
  }
}

function tooLarge(bytesMax: number): Fault {
  return new Fault('too_large', `Request body is larger than ${bytesMax} bytes`)
}

/** Digits that a double may not hold: only then is the slower, exact parser worth its time. */
const LONG_NUMBER = /[[,:\s-]\d{16}/

function parse(text: string): Json {
  try {
    // What `JSON.parse` gives is JSON.
    return (LONG_NUMBER.test(text) ? parseExact(text) : JSON.parse(text)) as Json
  } catch {
    throw new Fault('unprocessable', invalidJson('JSON decode error'), { trace_id: '' })
  }
}

function invalidJson(message: string): string {
  return `[{'type': 'json_invalid', 'loc': ('body', 0), 'msg': '${message}', 'input': {}}]`
}

/** Cleans a value in place; without recursion, because its depth is the sender's choice. */
function cleaned(value: Json): Json {
  const root = { value }
  const open: { holder: Record<string, Json>; depth: number }[] = [{ holder: root, depth: 0 }]
  for (let next = open.pop(); next; next = open.pop()) {
    const { holder, depth } = next
    if (depth > DEPTH_MAX) {
      throw new Fault('unprocessable', invalidJson(`Nested deeper than ${DEPTH_MAX} levels`), {
        trace_id: '',
      })
    }
    for (const key of Object.keys(holder)) {
      const item = holder[key]
      if (typeof item === 'string') holder[key] = cleanText(item)
      // Arrays are walked by their indexes, like objects by their keys.
      else if (isHolder(item)) open.push({ holder: item as Record<string, Json>, depth: depth + 1 })
      if (!isClean(key)) renameKey(holder, key)
    }
  }
  return root.value
}

function isHolder(value: Json | undefined): boolean {
  return typeof value === 'object' && value !== null && !Object.isFrozen(value)
}

function renameKey(holder: Record<string, Json>, key: string): void {
  const value = holder[key]
  delete holder[key]
  if (value !== undefined) holder[cleanText(key)] = value
}

function isClean(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

export function cleanText(text: string): string {
  return isClean(text) ? text : text.replaceAll('\u0000', '').replace(/\p{Surrogate}/gu, '')
}
