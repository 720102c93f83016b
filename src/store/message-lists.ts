import { Fault } from '../domain/fault.ts'
import type { AgentId, ConversationId, MessageId, OrganizationId, RunId, StepId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import { MESSAGE_COLUMNS, toMessage } from './message-rows.ts'
import type { Db } from './schema.ts'
import { statement } from './statement.ts'

/** Where a page of messages lies. `before` is older and `after` younger, whatever the order. */
export type MessagePage = {
  before: MessageId | null
  after: MessageId | null
  /** Stored messages, not views. */
  limit: number
  order: 'asc' | 'desc'
  includeErrors: boolean
  groupId?: string | null
}

export type MessageScope =
  | { agentId: AgentId; conversationId?: ConversationId }
  | { conversationId: ConversationId }
  | { runId: RunId }
  | { stepId: StepId }
  | { organization: true }

/** A page of the history, in the page's order. Faults: not_found for a cursor that is not there, or not the agent's. */
export async function readMessagePage(
  db: Db,
  organizationId: OrganizationId,
  scope: MessageScope,
  page: MessagePage,
): Promise<Message[]> {
  let query = db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('deleted_at', 'is', null)
    .orderBy('sequence_id', page.order)
    .limit(page.limit)
    .selectAll()
  if ('agentId' in scope) query = query.where('agent_id', '=', scope.agentId)
  if ('conversationId' in scope && scope.conversationId)
    query = query.where('conversation_id', '=', scope.conversationId)
  if ('runId' in scope) query = query.where('run_id', '=', scope.runId)
  if ('stepId' in scope) query = query.where('step_id', '=', scope.stepId)
  if (!page.includeErrors) query = query.where('is_err', '=', false)
  if (page.groupId) query = query.where('group_id', '=', page.groupId)
  const { before, after } = page
  if (before) query = query.where('sequence_id', '<', await sequenceOf(db, organizationId, scope, before))
  if (after) query = query.where('sequence_id', '>', await sequenceOf(db, organizationId, scope, after))
  return (await query.execute()).map(toMessage)
}

async function sequenceOf(
  db: Db,
  organizationId: OrganizationId,
  scope: MessageScope,
  id: MessageId,
): Promise<number> {
  const agentId = 'agentId' in scope ? scope.agentId : null
  let query = db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .select('sequence_id')
  if (agentId) query = query.where('agent_id', '=', agentId)
  const row = await query.executeTakeFirst()
  if (row) return row.sequence_id
  const text = `No message found with id '${id}'`
  throw new Fault('not_found', agentId ? `${text} for agent '${agentId}'.` : text)
}

/** Everything that a run stored, oldest first. */
export async function readRunMessages(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
): Promise<Message[]> {
  return (await selectRunMessages(db, { organizationId, runId })).map(toMessage)
}

const selectRunMessages = statement((db, args: { organizationId: OrganizationId; runId: RunId }) =>
  db
    .selectFrom('messages')
    .where('organization_id', '=', args.organizationId)
    .where('run_id', '=', args.runId)
    .orderBy('sequence_id')
    .select(MESSAGE_COLUMNS),
)

/** Faults: not_found. */
export async function getMessage(db: Db, organizationId: OrganizationId, id: MessageId) {
  const row = await db
    .selectFrom('messages')
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .selectAll()
    .executeTakeFirst()
  if (!row) throw new Fault('not_found', `Message with id ${id} not found.`)
  return { message: toMessage(row), agentId: row.agent_id }
}

/** Messages that are stored of an agent, in all its conversations. */
export async function countMessages(
  db: Db,
  organizationId: OrganizationId,
  agentId: AgentId,
): Promise<number> {
  const { count } = await db
    .selectFrom('conversations')
    .where('organization_id', '=', organizationId)
    .where('agent_id', '=', agentId)
    .select((conversation) =>
      conversation.fn.coalesce(conversation.fn.sum<number>('message_count'), conversation.val(0)).as('count'),
    )
    .executeTakeFirstOrThrow()
  return count
}
