import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openText, sealText } from './sealed-text.ts'

const key = randomBytes(32)

describe('a sealed text', () => {
  it.each(['', 'token', 'Grüße, 世界', 'x'.repeat(100_000)])('opens to what it was (%#)', (text) => {
    expect(openText(sealText(text, key), key)).toBe(text)
  })

  it('shows nothing, not even that two are alike', () => {
    const sealed = sealText('token', key)
    expect(sealed).not.toContain('token')
    expect(sealText('token', key)).not.toBe(sealed)
  })

  it('does not open with another key, or when it was changed', () => {
    const sealed = sealText('token', key)
    expect(() => openText(sealed, randomBytes(32))).toThrow()
    expect(() => openText(`${sealed.slice(0, -8)}AAAAAAA=`, key)).toThrow()
    expect(() => openText('token', key)).toThrow('not a sealed text')
  })
})
