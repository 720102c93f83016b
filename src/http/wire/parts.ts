import { isId } from '../../domain/id.ts'
import type { JsonObject } from '../../domain/json.ts'
import type { ImageSource, ToolReturn, UserPart } from '../../domain/message.ts'
import { textOf } from '../../domain/message.ts'
import { otidOf } from '../../domain/otid.ts'

/**
 * A user's own parts. Their images have the form of stored files, because that is how clients were shown
 * them.
 */
export function toWireUserParts(parts: UserPart[], messageId: string): JsonObject[] {
  return parts.map((part, index) =>
    toWirePart(part, isId('message', messageId) ? `file-${otidOf(messageId, index)}` : null),
  )
}

/** What a client's tool gave. */
export function toWireResultParts(parts: UserPart[]): JsonObject[] {
  return parts.map((part) => toWirePart(part, null))
}

/** A result as one text, for the places on the wire that hold no parts. */
export function resultText(output: ToolReturn['output']): string {
  if (typeof output === 'string') return output
  if (output === null) return 'None'
  if (!Array.isArray(output)) return JSON.stringify(output)
  const count = output.filter((part) => part.type === 'image').length
  const omitted = count === 0 ? '' : count === 1 ? '[Image omitted]' : `[${count} images omitted]`
  return [textOf(output), omitted].filter((text) => text !== '').join(' ')
}

function toWirePart(part: UserPart, fileId: string | null): JsonObject {
  switch (part.type) {
    case 'text':
      return { type: 'text', text: part.text, signature: part.signature ?? null }
    case 'image':
      return { type: 'image', source: toWireSource(part.source, fileId) }
  }
}

function toWireSource(source: ImageSource, fileId: string | null): JsonObject {
  if (source.type === 'url') return { type: 'url', url: source.url }
  const image = { media_type: source.mediaType, data: source.data, detail: source.detail ?? null }
  return fileId ? { type: 'letta', file_id: fileId, ...image } : { type: 'base64', ...image }
}
