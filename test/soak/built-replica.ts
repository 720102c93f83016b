import { join } from 'node:path'
import { bundle } from '../../tools/bundle.ts'

const FOLDER = join(import.meta.dirname, '../../node_modules/.cache/replica')

/** The program of `replica.ts`, once it is built. */
export const REPLICA = join(FOLDER, 'replica.js')

/** The tests start some hundred of them: a start from few modules takes half the time of one from a thousand. */
export function buildReplica(): Promise<void> {
  return bundle({ replica: join(import.meta.dirname, 'replica.ts') }, FOLDER)
}
