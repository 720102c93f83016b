import { sql } from 'kysely'
import type { ConversationId, OrganizationId } from '../domain/id.ts'
import type { MessageOf } from '../domain/message.ts'
import type { ToolSpec } from '../domain/model.ts'
import type { Lease } from '../domain/run.ts'
import type { Db } from './schema.ts'

/** Opens an approval: one answer will consume it. */
export async function insertApproval(
  tx: Db,
  lease: Lease,
  request: MessageOf<'approval_request'>,
  clientTools: ToolSpec[],
): Promise<void> {
  if (!request.stepId) throw new Error(`${request.id} has no step`)
  await tx
    .insertInto('open_approvals')
    .values({
      organization_id: lease.organizationId,
      conversation_id: lease.conversationId,
      message_id: request.id,
      run_id: lease.runId,
      step_id: request.stepId,
      calls: JSON.stringify(request.toolCalls),
      client_tools: JSON.stringify(clientTools),
    })
    .execute()
}

/** Consumes the open approval of a scope, under the scope's lock. */
export async function deleteApproval(
  tx: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
): Promise<void> {
  await tx
    .deleteFrom('open_approvals')
    .where('organization_id', '=', organizationId)
    .where('conversation_id', '=', conversationId)
    .execute()
}

/** Whether all of these calls have a result in the conversation's history. */
export async function areAnswered(
  db: Db,
  organizationId: OrganizationId,
  conversationId: ConversationId,
  callIds: string[],
): Promise<boolean> {
  const rows = await db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('conversation_id', '=', conversationId)
    .where('role', '=', 'tool')
    .where(sql<boolean>`call_ids && ${sql.val(callIds)}::text[]`)
    .select('call_ids')
    .execute()
  const answered = new Set(rows.flatMap((row) => row.call_ids ?? []))
  return callIds.every((id) => answered.has(id))
}
