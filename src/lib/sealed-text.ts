import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** AES-256 in Galois/counter mode: a text that was tampered with, or sealed with another key, does not open. */
const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** `sealed:1:` and, in base64, nonce, tag and ciphertext. The number names the way of sealing, for later ones. */
const MARK = 'sealed:1:'

/** `key` has 32 bytes. The same text never gives the same result twice. */
export function sealText(text: string, key: Buffer): string {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, key, nonce)
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return MARK + Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64')
}

/** Throws for a text that was not sealed with this key. */
export function openText(sealed: string, key: Buffer): string {
  if (!sealed.startsWith(MARK)) throw new Error('not a sealed text')
  const bytes = Buffer.from(sealed.slice(MARK.length), 'base64')
  const nonce = bytes.subarray(0, NONCE_BYTES)
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  const text = Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()])
  return text.toString('utf8')
}
