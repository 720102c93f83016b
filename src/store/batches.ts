import { sql } from 'kysely'
import type { AgentId, MessageId, OrganizationId, RunId } from '../domain/id.ts'
import type { BatchRequest, JobId } from '../domain/job.ts'
import type { Message } from '../domain/message.ts'
import { toMessage } from './message-rows.ts'
import type { Db } from './schema.ts'

/** Rows of one statement: it takes 65,535 values. */
const ROWS_MAX = 1_000

/** The requests of a batch, each known by its place: one agent may have several. */
export async function insertRequests(
  tx: Db,
  organizationId: OrganizationId,
  jobId: JobId,
  requests: BatchRequest[],
): Promise<void> {
  for (let start = 0; start < requests.length; start += ROWS_MAX) {
    const rows = requests.slice(start, start + ROWS_MAX).map((request, place) => ({
      organization_id: organizationId,
      job_id: jobId,
      index: start + place,
      agent_id: request.agentId,
      request: JSON.stringify(request),
    }))
    await tx.insertInto('batch_requests').values(rows).execute()
  }
}

/** Which batch it is. */
export type BatchKey = { organizationId: OrganizationId; jobId: JobId }

/**
 * The first request behind a place that has no run yet and goes to none of the excepted agents. Undefined: there is none, or
 * the batch has ended.
 */
export async function findUnstarted(
  db: Db,
  { organizationId, jobId }: BatchKey,
  { behind, except }: { behind: number; except: AgentId[] },
): Promise<{ index: number; request: BatchRequest } | undefined> {
  return db
    .selectFrom('batch_requests as request')
    .innerJoin('jobs', (join) =>
      join
        .onRef('jobs.organization_id', '=', 'request.organization_id')
        .onRef('jobs.id', '=', 'request.job_id'),
    )
    .where('request.organization_id', '=', organizationId)
    .where('request.job_id', '=', jobId)
    .where('jobs.status', '=', 'running')
    .where('request.index', '>', behind)
    .where(sql<boolean>`request.agent_id <> all(${except})`)
    .where('request.run_id', 'is', null)
    .where('request.error', 'is', null)
    .orderBy('request.index')
    .limit(1)
    .select(['request.index', 'request.request'])
    .executeTakeFirst()
}

/**
 * The run of a request, in the transaction that starts it. It holds the batch: what ends the batch waits for it, and finds
 * the run. False: the batch has ended, or the request has been dealt with.
 */
export async function saveStarted(
  tx: Db,
  { organizationId, jobId }: BatchKey,
  index: number,
  runId: RunId,
): Promise<boolean> {
  const job = await tx
    .selectFrom('jobs')
    .where('organization_id', '=', organizationId)
    .where('id', '=', jobId)
    .where('status', '=', 'running')
    .select('id')
    .forShare()
    .executeTakeFirst()
  if (!job) return false
  const { numUpdatedRows } = await openRequest(tx, { organizationId, jobId }, index)
    .set({ run_id: runId })
    .executeTakeFirst()
  return numUpdatedRows > 0n
}

/** Requests that cannot have a run, with the reasons. */
export async function readRefused(
  db: Db,
  { organizationId, jobId }: BatchKey,
): Promise<{ index: number; agentId: AgentId; error: string }[]> {
  return db
    .selectFrom('batch_requests')
    .where('organization_id', '=', organizationId)
    .where('job_id', '=', jobId)
    .where('error', 'is not', null)
    .orderBy('index')
    .select(['index', 'agent_id as agentId'])
    .select((row) => row.ref('error').$notNull().as('error'))
    .execute()
}

/** Why a request cannot have a run. */
export async function saveRefused(db: Db, batch: BatchKey, index: number, error: string): Promise<void> {
  await openRequest(db, batch, index).set({ error }).execute()
}

function openRequest(db: Db, { organizationId, jobId }: BatchKey, index: number) {
  return db
    .updateTable('batch_requests')
    .where('organization_id', '=', organizationId)
    .where('job_id', '=', jobId)
    .where('index', '=', index)
    .where('run_id', 'is', null)
    .where('error', 'is', null)
}

/** Runs of a batch that have not ended; first those that wait for their turn, the newest of them before the others. */
export async function readUnfinishedRuns(db: Db, { organizationId, jobId }: BatchKey): Promise<RunId[]> {
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
    .orderBy('runs.holds_turn')
    .orderBy('request.index', 'desc')
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
