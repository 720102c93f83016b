import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { StartError } from './domain/start-error.ts'

/** A file that holds less was not written to its end. */
const LENGTH_MIN = 16

/**
 * The key that secrets are sealed with: the operator's, or one that is made once and kept beside the data. A key that
 * was there is never replaced: what it sealed could not be read any more.
 */
export function serverKey({ encryptionKey, dataDir }: Pick<Config, 'encryptionKey' | 'dataDir'>): string {
  if (encryptionKey !== null) return encryptionKey
  const file = join(dataDir, 'server.key')
  try {
    mkdirSync(dataDir, { recursive: true })
    makeOnce(file)
    const key = readFileSync(file, 'utf8').trim()
    if (key.length >= LENGTH_MIN) return key
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new StartError(
      `The key of the server cannot be kept: ${reason}\nSet PERDURE_ENCRYPTION_KEY, or PERDURE_DATA_DIR to a folder for it.`,
    )
  }
  throw new StartError(`${file} is not whole. Put it back from a backup; without one, delete it.`)
}

function makeOnce(file: string): void {
  try {
    writeFileSync(file, randomBytes(32).toString('base64url'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
