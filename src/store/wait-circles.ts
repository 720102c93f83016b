import { sql } from 'kysely'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Db } from './schema.ts'

/**
 * Whether a run that waits for its turn waits, over however many others, for one of these agents: for whoever has the turn
 * of its conversation, for the answers that this one waits for in turn, and so on. Runs that are not waited for are in the
 * background.
 */
export async function waitsForOneOf(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
  agentIds: string[],
): Promise<boolean> {
  const { rows } = await sql<{ agentId: string }>`
    with recursive held(id, agent_id) as (
      select holder.id, holder.agent_id from runs as waiting
      join runs as holder on holder.organization_id = waiting.organization_id
        and holder.conversation_id = waiting.conversation_id and holder.holds_turn
      where waiting.organization_id = ${organizationId} and waiting.id = ${runId} and not waiting.holds_turn
      union
      select holder.id, holder.agent_id from held
      join runs as asked on asked.organization_id = ${organizationId} and asked.parent_run_id = held.id
        and asked.status in ('created', 'running') and not asked.background
      join runs as holder on holder.organization_id = asked.organization_id
        and holder.conversation_id = asked.conversation_id and holder.holds_turn
    )
    select agent_id as "agentId" from held where agent_id = any(${agentIds}) limit 1
  `.execute(db)
  return rows.length > 0
}
