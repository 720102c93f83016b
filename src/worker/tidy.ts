import { deleteOldKeys } from '../store/idempotency.ts'
import { deleteDeadProcesses } from '../store/processes.ts'
import { purgeDeleted, purgeStreams, purgeTraces } from '../store/retention.ts'
import type { Db } from '../store/schema.ts'

/** How long things are kept, in milliseconds. */
export type Retention = { streamsMs: number; tracesMs: number; deletedMs: number }

/** What a server forgets in time. Each is safe to repeat, and to stop halfway. */
export async function tidy(db: Db, kept: Retention): Promise<void> {
  await deleteOldKeys(db)
  await deleteDeadProcesses(db)
  await purgeStreams(db, kept.streamsMs)
  await purgeTraces(db, kept.tracesMs)
  await purgeDeleted(db, kept.deletedMs)
}
