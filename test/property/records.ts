import type { AgentId, ConversationId } from '../../src/domain/id.ts'
import type { Message } from '../../src/domain/message.ts'
import { readFrames } from '../../src/store/events.ts'
import { toMessage } from '../../src/store/message-rows.ts'
import type { Db } from '../../src/store/schema.ts'
import { ORGANIZATION } from './world.ts'

export type Records = Awaited<ReturnType<typeof readRecords>>
export type ScopeRecords = Records['scopes'][number]
export type RunRecord = Records['runs'][number]

/** All that the database holds of an agent, read at a moment when nothing moves. */
export async function readRecords(db: Db, agentId: AgentId) {
  const of = { organization_id: ORGANIZATION, agent_id: agentId }
  const [conversations, runs, steps, messages, executions] = await Promise.all([
    db.selectFrom('conversations').where('agent_id', '=', of.agent_id).selectAll().execute(),
    db.selectFrom('runs').where('agent_id', '=', of.agent_id).orderBy('created_order').selectAll().execute(),
    db.selectFrom('steps').where('agent_id', '=', of.agent_id).selectAll().execute(),
    db
      .selectFrom('messages')
      .where('agent_id', '=', of.agent_id)
      .orderBy('sequence_id')
      .selectAll()
      .execute(),
    db
      .selectFrom('tool_executions')
      .innerJoin('runs', 'runs.id', 'tool_executions.run_id')
      .where('runs.agent_id', '=', of.agent_id)
      .selectAll('tool_executions')
      .execute(),
  ])
  const scopes = await Promise.all(
    conversations.map(async (scope) => ({
      scope,
      context: await readContextRows(db, scope.id, scope.context_epoch),
      open: await db
        .selectFrom('open_approvals')
        .where('conversation_id', '=', scope.id)
        .selectAll()
        .executeTakeFirst(),
      runs: runs.filter((run) => run.conversation_id === scope.id),
    })),
  )
  return { agentId, scopes, runs, steps, messages, executions }
}

type ContextRow = { ordinal: number; sequenceId: number; conversationId: ConversationId; message: Message }

async function readContextRows(db: Db, id: ConversationId, epoch: number): Promise<ContextRow[]> {
  const rows = await db
    .selectFrom('context_items as item')
    .innerJoin('messages as message', (join) =>
      join
        .onRef('message.organization_id', '=', 'item.organization_id')
        .onRef('message.id', '=', 'item.message_id'),
    )
    .where('item.organization_id', '=', ORGANIZATION)
    .where('item.conversation_id', '=', id)
    .where('item.epoch', '=', epoch)
    .orderBy('item.ordinal')
    .selectAll('message')
    .select('item.ordinal')
    .execute()
  return rows.map((row) => ({
    ordinal: row.ordinal,
    sequenceId: row.sequence_id,
    conversationId: row.conversation_id,
    message: toMessage(row),
  }))
}

export function readAllFrames(db: Db, run: Pick<RunRecord, 'id'>) {
  return readFrames(db, ORGANIZATION, run.id, 0, 100_000)
}
