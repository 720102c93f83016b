import type { Selectable } from 'kysely'
import type { Scope } from '../domain/agent.ts'
import { Fault } from '../domain/fault.ts'
import type { ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import type { ConversationsTable, Db, OpenApprovalsTable } from './schema.ts'

export type ScopeRow = Selectable<ConversationsTable>
export type OpenApproval = Selectable<OpenApprovalsTable>

/**
 * Locks a scope: everything that starts, ends, cancels or replaces a turn begins with it, so that two of them meet here.
 * Lock order: scope, run, step, ledger, blocks by id, agent.
 * Faults: not_found for a deleted one, unless `deletedToo`.
 */
export async function lockScope(
  tx: Db,
  organizationId: OrganizationId,
  id: ConversationId,
  deletedToo = false,
): Promise<ScopeRow> {
  const row = await tx
    .selectFrom('conversations')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .forNoKeyUpdate()
    .executeTakeFirst()
  if (!row || (row.deleted_at && !deletedToo))
    throw new Fault('not_found', `Conversation not found with id='['${id}']'`)
  return row
}

export type ScopeFacts = {
  /** The run that holds the turn. */
  activeRunId: RunId | null
  openApproval: OpenApproval | null
  waitingCount: number
}

/** What stands in a scope. Read it after the lock, in a statement of its own: before, it may be old. */
export async function readScopeFacts(tx: Db, scope: ScopeRow): Promise<ScopeFacts> {
  const runs = await tx
    .selectFrom('runs')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .where('status', 'in', ['created', 'running'])
    .select(['id', 'holds_turn'])
    .execute()
  return {
    activeRunId: runs.find((run) => run.holds_turn)?.id ?? null,
    waitingCount: runs.filter((run) => !run.holds_turn).length,
    openApproval: (await findOpenApproval(tx, scope)) ?? null,
  }
}

export async function findOpenApproval(
  db: Db,
  scope: { organization_id: OrganizationId; id: ConversationId },
): Promise<OpenApproval | undefined> {
  return db
    .selectFrom('open_approvals')
    .where('organization_id', '=', scope.organization_id)
    .where('conversation_id', '=', scope.id)
    .selectAll()
    .executeTakeFirst()
}

export function toScope(row: ScopeRow): Scope {
  return {
    conversationId: row.id,
    isDefault: row.is_default,
    contextEpoch: row.context_epoch,
    contextLength: row.context_length,
    messageCount: row.message_count,
    contextTokens: row.context_tokens,
    tokenCalibration: row.token_calibration,
    promptBasis: row.prompt_basis,
    promptCompiledAt: row.prompt_compiled_at,
    compactionFailedAt: row.compaction_failed_at,
  }
}
