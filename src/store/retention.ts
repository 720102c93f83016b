import { sql } from 'kysely'
import type { Db } from './schema.ts'

/** Rows that one statement deletes at most: none of them holds its locks for long. */
const BATCH = 5_000
/** Runs whose streams one statement deletes. */
const RUNS_MAX = 200

/**
 * Deletes the streams of runs that ended before `keptMs`, run by run. Each is marked first, so that a reader in its middle
 * learns that the rest is gone and does not take the end of a page for the end of the stream.
 */
export async function purgeStreams(db: Db, keptMs: number): Promise<void> {
  while (true) {
    const { rows } = await sql<{ organization_id: string; id: string }>`
      update runs set events_purged_at = now()
      where (organization_id, id) in (
        select organization_id, id from runs
        where completed_at < now() - ${keptMs} * interval '1 millisecond' and events_purged_at is null
        order by completed_at limit ${RUNS_MAX}
      )
      returning organization_id, id
    `.execute(db)
    for (const { organization_id, id } of rows) {
      await sql`delete from run_events where organization_id = ${organization_id} and run_id = ${id}`.execute(
        db,
      )
    }
    if (rows.length < RUNS_MAX) return
  }
}

/** Deletes what providers were sent and answered, once it is older than `keptMs`. */
export async function purgeTraces(db: Db, keptMs: number): Promise<void> {
  await untilNone(() =>
    sql`
      delete from provider_traces where (organization_id, id) in (
        select organization_id, id from provider_traces
        where created_at < now() - ${keptMs} * interval '1 millisecond' limit ${BATCH}
      )`.execute(db),
  )
}

/** What a conversation has, by the way that leads to it; what cascades from these comes with them. The runs go last. */
const OWNED_BY_RUN = ['tool_executions', 'steps'] as const
const OWNED_BY_SCOPE = ['context_items', 'idempotency_keys', 'open_approvals', 'runs'] as const

/**
 * Deletes the rows of conversations and agents that were deleted before `graceMs`, in batches; their own rows last, so that
 * nothing is forgotten when this ends halfway.
 */
export async function purgeDeleted(db: Db, graceMs: number): Promise<void> {
  const { rows } = await sql<{ organization_id: string; id: string }>`
    select organization_id, id from conversations
    where deleted_at < now() - ${graceMs} * interval '1 millisecond' order by deleted_at limit ${RUNS_MAX}
  `.execute(db)
  for (const scope of rows) await purgeConversation(db, scope.organization_id, scope.id)
  await purgeAgents(db, graceMs)
}

/** What is left of deleted agents whose conversations are gone: messages that forks had in common, and the agent. */
async function purgeAgents(db: Db, graceMs: number): Promise<void> {
  await untilNone(() =>
    sql`
      delete from messages where ctid = any(array(
        select messages.ctid from messages join agents
          on agents.organization_id = messages.organization_id and agents.id = messages.agent_id
        where agents.deleted_at < now() - ${graceMs} * interval '1 millisecond' and not exists (
          select from conversations
          where conversations.organization_id = agents.organization_id and conversations.agent_id = agents.id
        ) limit ${BATCH}
      ))`.execute(db),
  )
  await sql`
    delete from agents where deleted_at < now() - ${graceMs} * interval '1 millisecond' and not exists (
      select from conversations
      where conversations.organization_id = agents.organization_id and conversations.agent_id = agents.id
    )
  `.execute(db)
}

async function purgeConversation(db: Db, organizationId: string, id: string): Promise<void> {
  await untilNone(() =>
    sql`
      delete from provider_traces where ctid = any(array(
        select owned.ctid from provider_traces as owned
        join steps on steps.organization_id = owned.organization_id and steps.id = owned.step_id
        join runs on runs.organization_id = steps.organization_id and runs.id = steps.run_id
        where runs.organization_id = ${organizationId} and runs.conversation_id = ${id} limit ${BATCH}
      ))`.execute(db),
  )
  for (const table of OWNED_BY_RUN) {
    await untilNone(() =>
      sql`
        delete from ${sql.table(table)} where ctid = any(array(
          select owned.ctid from ${sql.table(table)} as owned
          join runs on runs.organization_id = owned.organization_id and runs.id = owned.run_id
          where runs.organization_id = ${organizationId} and runs.conversation_id = ${id} limit ${BATCH}
        ))`.execute(db),
    )
  }
  for (const table of OWNED_BY_SCOPE) {
    await untilNone(() =>
      sql`
        delete from ${sql.table(table)} where ctid = any(array(
          select ctid from ${sql.table(table)}
          where organization_id = ${organizationId} and conversation_id = ${id} limit ${BATCH}
        ))`.execute(db),
    )
  }
  // What a fork has in its context stays: it is the fork's history too.
  await untilNone(() =>
    sql`
      delete from messages where ctid = any(array(
        select ctid from messages
        where organization_id = ${organizationId} and conversation_id = ${id} and not exists (
          select from context_items
          where context_items.organization_id = messages.organization_id and context_items.message_id = messages.id
        ) limit ${BATCH}
      ))`.execute(db),
  )
  await sql`delete from conversations where organization_id = ${organizationId} and id = ${id}`.execute(db)
}

async function untilNone(
  deleteBatch: () => Promise<{ numAffectedRows?: bigint | undefined }>,
): Promise<void> {
  while (((await deleteBatch()).numAffectedRows ?? 0n) >= BigInt(BATCH));
}
