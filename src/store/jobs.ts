import { type Selectable, sql } from 'kysely'
import { Fault } from '../domain/fault.ts'
import type { OrganizationId, UserId } from '../domain/id.ts'
import type { Job, JobId, JobStatus } from '../domain/job.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Db, JobsTable } from './schema.ts'

const UNFINISHED: JobStatus[] = ['created', 'running']

export async function insertJob(
  tx: Db,
  job: Pick<Job, 'id' | 'organizationId' | 'userId' | 'jobType' | 'status' | 'callbackUrl'>,
): Promise<void> {
  await tx
    .insertInto('jobs')
    .values({
      organization_id: job.organizationId,
      id: job.id,
      user_id: job.userId,
      job_type: job.jobType,
      status: job.status,
      callback_url: job.callbackUrl,
      created_by_id: job.userId,
      last_updated_by_id: job.userId,
    })
    .execute()
}

export async function findJob(db: Db, organizationId: OrganizationId, id: JobId): Promise<Job | undefined> {
  const row = await db
    .selectFrom('jobs')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .executeTakeFirst()
  return row && toJob(row)
}

/** Faults: not_found, also for a job of another user. */
export async function getJob(
  db: Db,
  owner: { organizationId: OrganizationId; userId: UserId },
  id: JobId,
): Promise<Job> {
  const job = await findJob(db, owner.organizationId, id)
  if (job?.userId !== owner.userId) throw new Fault('not_found', `Job not found with id='['${id}']'`)
  return job
}

export type JobPage = {
  jobType: Job['jobType']
  activeOnly: boolean
  /** What `metadata.source_id` is; null: anything. */
  sourceId: string | null
  /** Older than this one, and younger than that one, whatever the order. */
  before: JobId | null
  after: JobId | null
  order: 'asc' | 'desc'
  limit: number
}

/** A page of a user's jobs. A cursor that is not there bounds nothing. */
export async function readJobs(
  db: Db,
  owner: { organizationId: OrganizationId; userId: UserId },
  page: JobPage,
): Promise<Job[]> {
  let query = db
    .selectFrom('jobs')
    .where('organization_id', '=', owner.organizationId)
    .where('user_id', '=', owner.userId)
    .where('job_type', '=', page.jobType)
    .selectAll()
  if (page.activeOnly) query = query.where('status', 'in', UNFINISHED)
  if (page.sourceId !== null) query = query.where(sql<boolean>`metadata->>'source_id' = ${page.sourceId}`)
  for (const [cursor, sign] of [
    [page.before, '<'],
    [page.after, '>'],
  ] as const) {
    if (cursor === null) continue
    query = query.where(
      sql<boolean>`coalesce((created_at, id) ${sql.raw(sign)} (select created_at, id from jobs as cursor
        where cursor.organization_id = ${owner.organizationId} and cursor.id = ${cursor}), true)`,
    )
  }
  const rows = await query
    .orderBy('created_at', page.order)
    .orderBy('id', page.order)
    .limit(page.limit)
    .execute()
  return rows.map(toJob)
}

/** Ends a job that has not ended. `metadata`: what there is to say of it. Undefined: it had. */
export async function endJob(
  tx: Db,
  organizationId: OrganizationId,
  id: JobId,
  status: 'completed' | 'failed' | 'cancelled',
  metadata: JsonObject | null,
): Promise<Job | undefined> {
  const row = await tx
    .updateTable('jobs')
    .set({
      status,
      completed_at: sql<string>`now()`,
      updated_at: sql<string>`now()`,
      ...(metadata && { metadata: JSON.stringify(metadata) }),
    })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('status', 'in', UNFINISHED)
    .returningAll()
    .executeTakeFirst()
  return row && toJob(row)
}

export async function deleteJob(db: Db, organizationId: OrganizationId, id: JobId): Promise<void> {
  await db.deleteFrom('jobs').where('organization_id', '=', organizationId).where('id', '=', id).execute()
}

function toJob(row: Selectable<JobsTable>): Job {
  return {
    id: row.id,
    organizationId: row.organization_id,
    userId: row.user_id,
    jobType: row.job_type,
    status: row.status,
    metadata: row.metadata,
    agentId: row.agent_id,
    callbackUrl: row.callback_url,
    callbackSentAt: row.callback_sent_at,
    callbackStatusCode: row.callback_status_code,
    callbackError: row.callback_error,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    completedAt: row.completed_at,
  }
}
