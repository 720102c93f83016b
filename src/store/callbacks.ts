import { sql } from 'kysely'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Db } from './schema.ts'

/** What became of the last try to tell a run's caller of its end. */
export async function saveCallback(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
  tried: { status: number | null; error: string | null },
): Promise<void> {
  await db
    .updateTable('runs')
    .set({
      callback_sent_at: sql<string>`now()`,
      callback_status_code: tried.status,
      callback_error: tried.error,
    })
    .where('organization_id', '=', organizationId)
    .where('id', '=', runId)
    .execute()
}
