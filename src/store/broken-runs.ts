import { sql } from 'kysely'
import type { ConversationId, OrganizationId, RunId, StepId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Db } from './schema.ts'
import type { ChangedRow, Undo } from './undo.ts'

/** What each look reads at most; the next look finds the rest. */
const FOUND_MAX = 1_000

const ENDED = ['completed', 'failed', 'cancelled'] as const

export type FoundRun = {
  organizationId: OrganizationId
  runId: RunId
  conversationId: ConversationId
  status: string
}

/** Runs that have ended and still have their scope's turn. */
export async function readTurnsOfEnded(db: Db): Promise<FoundRun[]> {
  return runs(db).where('runs.status', 'in', ENDED).where('runs.holds_turn', '=', true).execute()
}

/** Takes the turn from a run that has ended. Undefined: it has none, or goes on. */
export async function takeTurn(tx: Db, organizationId: OrganizationId, id: RunId): Promise<Undo | undefined> {
  const row = await tx
    .updateTable('runs')
    .set({ holds_turn: false })
    .where('organization_id', '=', organizationId)
    .where('id', '=', id)
    .where('status', 'in', ENDED)
    .where('holds_turn', '=', true)
    .returning('id')
    .executeTakeFirst()
  return (
    row &&
    columns('runs', [
      { key: keyOf(organizationId, id), before: { holds_turn: true }, after: { holds_turn: false } },
    ])
  )
}

/** Runs that wait for a turn that nobody has and no approval keeps; and how long, in seconds. */
export async function readForgotten(db: Db): Promise<FoundRun[]> {
  return runs(db)
    .where('runs.status', '=', 'created')
    .where('runs.holds_turn', '=', false)
    .where('scope.deleted_at', 'is', null)
    .where('agent.deleted_at', 'is', null)
    .where(
      sql<boolean>`not exists (select from runs as holder where holder.organization_id = runs.organization_id
        and holder.conversation_id = runs.conversation_id and holder.holds_turn)`,
    )
    .where(
      sql<boolean>`not exists (select from open_approvals as open where open.organization_id = runs.organization_id
        and open.conversation_id = runs.conversation_id)`,
    )
    .execute()
}

/** Runs that have not ended though their agent or conversation is deleted. */
export async function readAbandoned(db: Db): Promise<FoundRun[]> {
  return runs(db)
    .where('runs.status', 'in', ['created', 'running'])
    .where((where) =>
      where.or([where('scope.deleted_at', 'is not', null), where('agent.deleted_at', 'is not', null)]),
    )
    .execute()
}

function runs(db: Db) {
  return db
    .selectFrom('runs')
    .innerJoin('conversations as scope', (join) =>
      join
        .onRef('scope.organization_id', '=', 'runs.organization_id')
        .onRef('scope.id', '=', 'runs.conversation_id'),
    )
    .innerJoin('agents as agent', (join) =>
      join
        .onRef('agent.organization_id', '=', 'runs.organization_id')
        .onRef('agent.id', '=', 'runs.agent_id'),
    )
    .select([
      'runs.organization_id as organizationId',
      'runs.id as runId',
      'runs.conversation_id as conversationId',
      'runs.status',
    ])
    .orderBy('runs.created_order')
    .limit(FOUND_MAX)
}

/** Open approvals that nobody can answer: their run is gone or did not end with a question, or their message is not in the context. */
export async function readLostApprovals(
  db: Db,
  only?: { organizationId: OrganizationId; conversationId: ConversationId },
): Promise<
  { organizationId: OrganizationId; conversationId: ConversationId; why: string; row: JsonObject }[]
> {
  const { rows } = await sql<{
    organizationId: OrganizationId
    conversationId: ConversationId
    why: string
    row: JsonObject
  }>`
    select * from (
      select open.organization_id as "organizationId", open.conversation_id as "conversationId",
        to_jsonb(open) as row,
        case
          when run.id is null then 'its run ' || open.run_id || ' does not exist'
          when run.status in ('failed', 'cancelled') then 'its run ' || run.id || ' has ' || run.status
          when scope.id is null or scope.deleted_at is not null then 'its conversation is deleted'
          when not exists (
            select from context_items as item where item.organization_id = open.organization_id
              and item.conversation_id = open.conversation_id and item.epoch = scope.context_epoch
              and item.message_id = open.message_id
          ) then 'its request ' || open.message_id || ' is not in the context'
        end as why
      from open_approvals as open
      left join runs as run on run.organization_id = open.organization_id and run.id = open.run_id
      left join conversations as scope
        on scope.organization_id = open.organization_id and scope.id = open.conversation_id
    ) as found
    where why is not null
      and ${only ? sql`"organizationId" = ${only.organizationId} and "conversationId" = ${only.conversationId}` : sql`true`}
    limit ${FOUND_MAX}
  `.execute(db)
  return rows
}

export type FoundStep = { organizationId: OrganizationId; stepId: StepId; runId: RunId | null; calls: number }

/** Steps of runs that have ended, which are still open or have calls that count as started. */
export async function readOpenSteps(db: Db, only?: StepId): Promise<FoundStep[]> {
  const { rows } = await sql<FoundStep>`
    select step.organization_id as "organizationId", step.id as "stepId", step.run_id as "runId",
      (select count(*) from tool_executions as call where call.organization_id = step.organization_id
        and call.step_id = step.id and call.state = 'started') as calls
    from steps as step
    left join runs as run on run.organization_id = step.organization_id and run.id = step.run_id
    where (run.id is null or run.status in ('completed', 'failed', 'cancelled'))
      and (step.status = 'pending' or exists (
        select from tool_executions as call
        join runs as caller on caller.organization_id = call.organization_id and caller.id = call.run_id
        where call.organization_id = step.organization_id and call.step_id = step.id and call.state = 'started'
          and caller.status in ('completed', 'failed', 'cancelled')))
      and ${only ? sql`step.id = ${only}` : sql`true`}
    order by step.created_at
    limit ${FOUND_MAX}
  `.execute(db)
  return rows
}

const CLOSED = { status: 'failed', phase: 'committed', error_type: 'interrupted' } as const

/** Closes a step that nobody works on any more: failed, its calls unknown. */
export async function closeStep(tx: Db, { organizationId, stepId }: FoundStep): Promise<Undo[]> {
  const open = await tx
    .selectFrom('steps')
    .where('organization_id', '=', organizationId)
    .where('id', '=', stepId)
    .where('status', '=', 'pending')
    .select(['id', 'phase'])
    .forUpdate()
    .execute()
  await tx
    .updateTable('steps')
    .set({ ...CLOSED, updated_at: sql<string>`now()` })
    .where('organization_id', '=', organizationId)
    .where('id', '=', stepId)
    .where('status', '=', 'pending')
    .execute()
  const unknown = await tx
    .updateTable('tool_executions')
    .set({ state: 'unknown', finished_at: sql<string>`clock_timestamp()` })
    .where('organization_id', '=', organizationId)
    .where('step_id', '=', stepId)
    .where('state', '=', 'started')
    .returning('tool_call_id')
    .execute()
  const step = open.map(({ id, phase }) => ({
    key: keyOf(organizationId, id),
    before: { status: 'pending', phase, error_type: null },
    after: CLOSED,
  }))
  const calls = unknown.map(({ tool_call_id }) => ({
    key: { organization_id: organizationId, step_id: stepId, tool_call_id },
    before: { state: 'started', finished_at: null },
    after: { state: 'unknown' },
  }))
  return [
    ...(step.length > 0 ? [columns('steps', step)] : []),
    ...(calls.length > 0 ? [columns('tool_executions', calls)] : []),
  ]
}

function keyOf(organizationId: OrganizationId, id: string): JsonObject {
  return { organization_id: organizationId, id }
}

function columns(table: 'runs' | 'steps' | 'tool_executions', rows: ChangedRow[]): Undo {
  return { kind: 'columns', table, rows }
}
