import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StartError } from './domain/start-error.ts'
import { serverKey } from './server-key.ts'

describe('the key of the server', () => {
  let dataDir: string
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'perdure-key-'))
  })
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

  it('is the one that the operator gave, and then there is no file', () => {
    const folder = join(dataDir, 'none')
    expect(serverKey({ encryptionKey: 'sixteen characters', dataDir: folder })).toBe('sixteen characters')
    expect(() => statSync(folder)).toThrow('ENOENT')
  })

  it('is made once, for its owner only, and stays', () => {
    const folder = join(dataDir, 'new')
    const key = serverKey({ encryptionKey: null, dataDir: folder })
    expect(key.length).toBeGreaterThan(40)
    expect(serverKey({ encryptionKey: null, dataDir: folder })).toBe(key)
    expect(statSync(join(folder, 'server.key')).mode & 0o777).toBe(0o600)
  })

  it('is not replaced when its file was cut off', () => {
    writeFileSync(join(dataDir, 'server.key'), 'cut')
    expect(() => serverKey({ encryptionKey: null, dataDir })).toThrow(StartError)
    expect(readFileSync(join(dataDir, 'server.key'), 'utf8')).toBe('cut')
  })

  it('says so when there is no place for it', () => {
    const file = join(dataDir, 'file')
    writeFileSync(file, '')
    expect(() => serverKey({ encryptionKey: null, dataDir: file })).toThrow(/PERDURE_ENCRYPTION_KEY/)
  })
})
