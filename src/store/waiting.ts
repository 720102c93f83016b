import type { ConversationId, OrganizationId, RunId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { TurnRequest } from '../domain/turn.ts'
import type { Db } from './schema.ts'

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

/** Those of them whose caller is there and waits. */
export async function readWaitingCallers(
  db: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
): Promise<WaitingRun[]> {
  const waiting = await readWaiting(db, organizationId, conversationId)
  return waiting.filter(({ transport }) => transport !== 'async')
}
