import { sql } from 'kysely'
import type { ConversationId, OrganizationId, ProcessId, RunId } from '../domain/id.ts'
import type { Lease } from '../domain/run.ts'
import { SEQ_BLOCK } from './admit-run.ts'
import type { Db } from './schema.ts'
import { SCOPE_ROW_COLUMNS, type ScopeRow } from './scopes.ts'
import { statement } from './statement.ts'

/** The driver is no longer the driver: somebody has cancelled the run, taken it over or deleted it. Not an error. */
export class LeaseLost extends Error {
  override name = 'LeaseLost'
}

/** A run whose driver lives: its process has a lease that lasts. */
const DRIVER_LIVES = sql<boolean>`exists (
  select from processes where processes.id = runs.lease_owner and processes.lease_until > now()
)`

export type Claim = {
  lease: Lease
  /** The last number that an earlier driver may have shown; the new one starts above it. */
  seqLast: number
  /** Takeovers without progress so far, this one included. */
  attempts: number
  journalVersion: number
}

/** Journals of this version and older can be continued by this release. */
export const JOURNAL_VERSION = 1

/**
 * Takes a run that has the turn and whose driver is gone (or that never had one). Undefined: it is driven, it waits for
 * the turn, it has ended, or a newer release has written its journal. An attempt is counted only when a driver died.
 */
export async function claimRun(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
  owner: ProcessId,
): Promise<Claim | undefined> {
  const free = await db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('id', '=', runId)
    .where('holds_turn', '=', true)
    .where('status', 'in', ['created', 'running'])
    .where('journal_version', '<=', JOURNAL_VERSION)
    .where((run) => run.not(DRIVER_LIVES))
    .select('lease_epoch')
    .executeTakeFirst()
  if (!free) return undefined
  // Of two who claim at once one waits for the row: only its own columns are looked at again then, so the epoch decides.
  const row = await db
    .updateTable('runs')
    .set((run) => ({
      status: 'running',
      lease_owner: owner,
      lease_epoch: run('lease_epoch', '+', 1),
      attempts: sql<number>`attempts + case when lease_owner is null then 0 else 1 end`,
      seq_reserved: run('seq_reserved', '+', SEQ_BLOCK),
    }))
    .where('organization_id', '=', organizationId)
    .where('id', '=', runId)
    .where('lease_epoch', '=', free.lease_epoch)
    .where('holds_turn', '=', true)
    .where('status', 'in', ['created', 'running'])
    .returning(['conversation_id', 'agent_id', 'lease_epoch', 'attempts', 'seq_reserved', 'journal_version'])
    .executeTakeFirst()
  if (!row) return undefined
  return {
    lease: {
      organizationId,
      runId,
      conversationId: row.conversation_id,
      agentId: row.agent_id,
      owner,
      epoch: row.lease_epoch,
    },
    seqLast: row.seq_reserved - SEQ_BLOCK,
    attempts: row.attempts,
    journalVersion: row.journal_version,
  }
}

/**
 * First in every transaction of a driver: locks the scope and then the run, and throws LeaseLost when the epoch is not
 * the run's newest or the run is not running.
 */
export async function holdRun(tx: Db, lease: Lease): Promise<ScopeRow> {
  const { organizationId, runId, conversationId, epoch } = lease
  const [scope] = await lockHeld(tx, { organizationId, runId, conversationId, epoch })
  if (!scope) throw new LeaseLost(`${lease.runId} is no longer driven under epoch ${lease.epoch}`)
  return scope
}

type HeldArgs = Pick<Lease, 'organizationId' | 'runId' | 'conversationId' | 'epoch'>

const lockHeld = statement((db, args: HeldArgs) =>
  db
    .selectFrom('conversations')
    .innerJoin('runs', (join) =>
      join
        .onRef('runs.organization_id', '=', 'conversations.organization_id')
        .on('runs.id', '=', args.runId)
        .on('runs.lease_epoch', '=', args.epoch)
        .on('runs.status', '=', 'running'),
    )
    .where('conversations.organization_id', '=', args.organizationId)
    .where('conversations.id', '=', args.conversationId)
    .select(SCOPE_ROW_COLUMNS)
    // Rows are locked in the order of the names here, and looked at again once they are.
    .forNoKeyUpdate(['conversations', 'runs']),
)

/** Reserves the next block of sequence numbers, in a transaction that holds the run. Progress: attempts start again. */
export async function reserveSeq(
  tx: Db,
  lease: Lease,
  seqUsed: number,
  ttftNs: number | null = null,
): Promise<number> {
  const reserved = seqUsed + SEQ_BLOCK
  await tx
    .updateTable('runs')
    .set({
      seq_reserved: sql<number>`greatest(seq_reserved, ${reserved}::bigint)`,
      attempts: 0,
      ttft_ns: sql<number | null>`coalesce(ttft_ns, ${ttftNs}::bigint)`,
    })
    .where('organization_id', '=', lease.organizationId)
    .where('id', '=', lease.runId)
    .execute()
  return reserved
}

/** An answer that a later driver need not ask for again is progress: attempts start again. */
export async function noteProgress(tx: Db, lease: Lease): Promise<void> {
  await tx
    .updateTable('runs')
    .set({ attempts: 0 })
    .where('organization_id', '=', lease.organizationId)
    .where('id', '=', lease.runId)
    .where('attempts', '>', 0)
    .execute()
}

/** Hands unfinished runs back without counting an attempt: a graceful stop, or no slot. */
export async function releaseRuns(db: Db, owner: ProcessId, runIds: RunId[]): Promise<void> {
  if (runIds.length === 0) return
  await db
    .updateTable('runs')
    .set((run) => ({ lease_owner: null, lease_epoch: run('lease_epoch', '+', 1) }))
    .where('lease_owner', '=', owner)
    .where('status', '=', 'running')
    .where('id', 'in', runIds)
    .execute()
}

/** Runs that a process has, as the database sees it. */
export async function readOwnedRuns(db: Db, owner: ProcessId): Promise<RunId[]> {
  const rows = await db
    .selectFrom('runs')
    .where('lease_owner', '=', owner)
    .where('status', 'in', ['created', 'running'])
    .select('id')
    .execute()
  return rows.map((row) => row.id)
}

export type RunRef = { organizationId: OrganizationId; runId: RunId; conversationId: ConversationId }

/** Runs that could be driven and are not: they have the turn, and nobody who lives has them. */
export async function readUndrivenRuns(db: Db, runsMax: number): Promise<RunRef[]> {
  const rows = await db
    .selectFrom('runs')
    .where('status', 'in', ['created', 'running'])
    .where('holds_turn', '=', true)
    .where((run) => run.not(DRIVER_LIVES))
    .orderBy('created_at')
    .limit(runsMax)
    .select(['organization_id', 'id', 'conversation_id'])
    .execute()
  return rows.map((row) => ({
    organizationId: row.organization_id,
    runId: row.id,
    conversationId: row.conversation_id,
  }))
}
