import type { MessageId } from './id.ts'

/**
 * The otid of the `index`th view of a stored message: the id's bare uuid with its low 7 bits replaced by the index.
 * Streamed and listed views count alike, so their otids agree.
 */
export function otidOf(id: MessageId, index: number): string {
  const uuid = id.slice('message-'.length)
  const last = Number.parseInt(uuid.slice(-2), 16)
  const low = ((last & 0x80) | (index & 0x7f)).toString(16).padStart(2, '0')
  return uuid.slice(0, -2) + low
}

/** The id one below, as a 128-bit number: the id of an approval request whose answer has this one. */
export function idBefore(id: MessageId): MessageId {
  const hex = (BigInt(`0x${id.slice('message-'.length).replaceAll('-', '')}`) - 1n)
    .toString(16)
    .padStart(32, '0')
  return `message-${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
