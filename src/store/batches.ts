import { sql } from 'kysely'
import type { AgentId, MessageId, OrganizationId, RunId } from '../domain/id.ts'
import type { BatchRequest, JobId } from '../domain/job.ts'
import type { Message } from '../domain/message.ts'
import { toMessage } from './message-rows.ts'
import type { Db } from './schema.ts'

/** The requests of a batch, each known by its place: one agent may have several. */
export async function insertRequests(
  tx: Db,
  organizationId: OrganizationId,
  jobId: JobId,
  requests: BatchRequest[],
): Promise<void> {
  await tx
    .insertInto('batch_requests')
    .values(
      requests.map((request, index) => ({
        organization_id: organizationId,
        job_id: jobId,
        index,
        agent_id: request.agentId,
        request: JSON.stringify(request),
      })),
    )
    .execute()
}

/** Requests of a batch that have no run yet, in order. */
export async function readUnstarted(
  db: Db,
  organizationId: OrganizationId,
  jobId: JobId,
): Promise<{ index: number; request: BatchRequest }[]> {
  return db
    .selectFrom('batch_requests')
    .where('organization_id', '=', organizationId)
    .where('job_id', '=', jobId)
    .where('run_id', 'is', null)
    .where('error', 'is', null)
    .orderBy('index')
    .select(['index', 'request'])
    .execute()
}

/** What became of a request: its run, or why it cannot have one. */
export async function saveStarted(
  db: Db,
  organizationId: OrganizationId,
  jobId: JobId,
  index: number,
  started: { runId: RunId } | { error: string },
): Promise<void> {
  await db
    .updateTable('batch_requests')
    .set('runId' in started ? { run_id: started.runId } : { error: started.error })
    .where('organization_id', '=', organizationId)
    .where('job_id', '=', jobId)
    .where('index', '=', index)
    .execute()
}

/** Runs of a batch that have not ended. */
export async function readUnfinishedRuns(
  db: Db,
  organizationId: OrganizationId,
  jobId: JobId,
): Promise<RunId[]> {
  const rows = await db
    .selectFrom('batch_requests as request')
    .innerJoin('runs', (join) =>
      join
        .onRef('runs.organization_id', '=', 'request.organization_id')
        .onRef('runs.id', '=', 'request.run_id'),
    )
    .where('request.organization_id', '=', organizationId)
    .where('request.job_id', '=', jobId)
    .where('runs.status', 'in', ['created', 'running'])
    .select('runs.id')
    .execute()
  return rows.map(({ id }) => id)
}

export type BatchMessagePage = {
  agentId: AgentId | null
  before: MessageId | null
  after: MessageId | null
  order: 'asc' | 'desc'
  limit: number
}

/** What the runs of a batch stored, across agents. A cursor that is not there bounds nothing. */
export async function readBatchMessages(
  db: Db,
  organizationId: OrganizationId,
  jobId: JobId,
  page: BatchMessagePage,
): Promise<{ message: Message; agentId: AgentId }[]> {
  let query = db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('run_id', 'in', (requests) =>
      requests
        .selectFrom('batch_requests')
        .where('organization_id', '=', organizationId)
        .where('job_id', '=', jobId)
        .where('run_id', 'is not', null)
        .select((row) => row.ref('run_id').$notNull().as('run_id')),
    )
    .where('deleted_at', 'is', null)
    .where('is_err', '=', false)
    .selectAll()
  if (page.agentId !== null) query = query.where('agent_id', '=', page.agentId)
  for (const [cursor, sign] of [
    [page.before, '<'],
    [page.after, '>'],
  ] as const) {
    if (cursor === null) continue
    query = query.where(
      sql<boolean>`coalesce(sequence_id ${sql.raw(sign)} (select sequence_id from messages as cursor
        where cursor.organization_id = ${organizationId} and cursor.id = ${cursor}), true)`,
    )
  }
  const rows = await query.orderBy('sequence_id', page.order).limit(page.limit).execute()
  return rows.map((row) => ({ message: toMessage(row), agentId: row.agent_id }))
}
