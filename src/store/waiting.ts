import type { ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { TurnRequest } from '../domain/turn.ts'
import type { Db } from './schema.ts'

export type LostTurn = { organizationId: OrganizationId; conversationId: ConversationId }

/** Scopes where a run waits for a turn that is free: a reset of the context may leave one behind. */
export async function readLostTurns(db: Db, scopesMax: number): Promise<LostTurn[]> {
  const rows = await db
    .selectFrom('runs')
    .where('status', '=', 'created')
    .where('holds_turn', '=', false)
    .where((where) =>
      where.not(
        where.or([
          where.exists(
            where
              .selectFrom('runs as holder')
              .whereRef('holder.organization_id', '=', 'runs.organization_id')
              .whereRef('holder.conversation_id', '=', 'runs.conversation_id')
              .where('holder.holds_turn', '=', true)
              .select('holder.id'),
          ),
          where.exists(
            where
              .selectFrom('open_approvals')
              .whereRef('open_approvals.organization_id', '=', 'runs.organization_id')
              .whereRef('open_approvals.conversation_id', '=', 'runs.conversation_id')
              .select('open_approvals.run_id'),
          ),
        ]),
      ),
    )
    .distinct()
    .limit(scopesMax)
    .select(['organization_id', 'conversation_id'])
    .execute()
  return rows.map((row) => ({ organizationId: row.organization_id, conversationId: row.conversation_id }))
}

export type WaitingRun = { id: RunId; transport: TurnRequest['transport']; input: Message[] }

/** Runs that wait for a scope's turn, in their order. Read under the scope's lock. */
export async function readWaiting(
  db: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
): Promise<WaitingRun[]> {
  const rows = await db
    .selectFrom('runs')
    .where('organization_id', '=', organizationId)
    .where('conversation_id', '=', conversationId)
    .where('status', '=', 'created')
    .where('holds_turn', '=', false)
    .orderBy('queue_pos')
    .orderBy('created_order')
    .select(['id', 'request'])
    .execute()
  return rows.flatMap(({ id, request }) =>
    request ? [{ id, transport: request.transport, input: request.input }] : [],
  )
}

/** Those of them whose caller is there and waits; what runs in the background waits for nobody. */
export async function readWaitingCallers(
  db: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
): Promise<WaitingRun[]> {
  const waiting = await readWaiting(db, organizationId, conversationId)
  return waiting.filter(({ transport }) => transport === 'blocking' || transport === 'stream')
}
