import { sql } from 'kysely'
import type { AgentId, ConversationId, MessageId, OrganizationId, RunId, StepId } from '../domain/id.ts'
import type { Role } from '../domain/message.ts'
import type { Db } from './schema.ts'

/** A place in a context, and what stands there. `role` null: no such message exists. */
export type Member = {
  messageId: MessageId
  role: Role | null
  agentId: AgentId | null
  stepId: StepId | null
  runId: RunId | null
  isErr: boolean
  isDeleted: boolean
  calls: { id: string; name: string }[]
  /** Ids of the calls that it answers. */
  answers: string[]
}

export type ScopeContext = {
  organizationId: OrganizationId
  conversationId: ConversationId
  agentId: AgentId
  timezone: string
  /** A run has the turn: what it has begun is not broken. */
  isBusy: boolean
  openRequestId: MessageId | null
  members: Member[]
}

const SCOPES_PER_PAGE = 200

/** The contexts of all conversations that are not deleted, without what their messages say. */
export async function* readScopeContexts(db: Db): AsyncGenerator<ScopeContext, void> {
  let after: ScopeContext | undefined
  while (true) {
    const page = await readPage(db, after)
    yield* page
    if (page.length < SCOPES_PER_PAGE) return
    after = page.at(-1)
  }
}

async function readPage(db: Db, after: ScopeContext | undefined): Promise<ScopeContext[]> {
  const place = sql`(scope.organization_id, scope.id) > (${after?.organizationId ?? ''}, ${after?.conversationId ?? ''})`
  return read(db, sql`${place} and scope.deleted_at is null and agent.deleted_at is null`)
}

/** The context of one scope. */
export async function findScopeContext(
  db: Db,
  organizationId: OrganizationId,
  id: ConversationId,
): Promise<ScopeContext | undefined> {
  const [found] = await read(db, sql`scope.organization_id = ${organizationId} and scope.id = ${id}`)
  return found
}

async function read(db: Db, condition: ReturnType<typeof sql>): Promise<ScopeContext[]> {
  const { rows } = await sql<ScopeContext>`
    select scope.organization_id as "organizationId", scope.id as "conversationId", scope.agent_id as "agentId",
      agent.timezone,
      exists (select from runs where runs.organization_id = scope.organization_id
        and runs.conversation_id = scope.id and holds_turn) as "isBusy",
      (select message_id from open_approvals as open where open.organization_id = scope.organization_id
        and open.conversation_id = scope.id) as "openRequestId",
      coalesce((
        select json_agg(json_build_object(
          'messageId', item.message_id, 'role', message.role, 'agentId', message.agent_id,
          'stepId', message.step_id, 'runId', message.run_id,
          'isErr', coalesce(message.is_err, false), 'isDeleted', message.deleted_at is not null,
          'calls', coalesce((select json_agg(json_build_object('id', call->>'id', 'name', call->>'name'))
            from jsonb_array_elements(message.tool_calls) as call), '[]'),
          'answers', case when message.role = 'tool' then coalesce(to_json(message.call_ids), '[]') else '[]' end
        ) order by item.ordinal)
        from context_items as item
        left join messages as message
          on message.organization_id = item.organization_id and message.id = item.message_id
        where item.organization_id = scope.organization_id and item.conversation_id = scope.id
          and item.epoch = scope.context_epoch
      ), '[]') as members
    from conversations as scope
    join agents as agent on agent.organization_id = scope.organization_id and agent.id = scope.agent_id
    where ${condition}
    order by scope.organization_id, scope.id
    limit ${SCOPES_PER_PAGE}
  `.execute(db)
  return rows
}
