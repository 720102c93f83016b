import { sql } from 'kysely'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { JobId } from '../domain/job.ts'
import type { Db } from './schema.ts'

type Tried = { status: number | null; error: string | null }

/** What became of the last try to tell a run's caller of its end. */
export async function saveCallback(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
  tried: Tried,
): Promise<void> {
  await db
    .updateTable('runs')
    .set(columnsOf(tried))
    .where('organization_id', '=', organizationId)
    .where('id', '=', runId)
    .execute()
}

/** The same of a job's. */
export async function saveJobCallback(
  db: Db,
  organizationId: OrganizationId,
  id: JobId,
  tried: Tried,
): Promise<void> {
  await db
    .updateTable('jobs')
    .set(columnsOf(tried))
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .execute()
}

function columnsOf(tried: Tried) {
  return {
    callback_sent_at: sql<string>`now()`,
    callback_status_code: tried.status,
    callback_error: tried.error,
  }
}
