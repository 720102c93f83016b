import { sql } from 'kysely'
import type { Actor } from '../domain/actor.ts'
import { OPENING } from '../domain/frame.ts'
import type { AgentId, ConversationId, OrganizationId, ProcessId, RunId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Lease } from '../domain/run.ts'
import type { TurnRequest } from '../domain/turn.ts'
import type { Db } from './schema.ts'
import type { ScopeRow } from './scopes.ts'
import { statement } from './statement.ts'
import { type NewStep, stepValues } from './steps.ts'

/** Sequence numbers are reserved in blocks, before any of them is shown. */
export const SEQ_BLOCK = 1_024

export type NewRun = {
  id: RunId
  actor: Actor
  agent: { id: AgentId; projectId: string | null; templateId: string | null; baseTemplateId: string | null }
  scope: ScopeRow
  request: TurnRequest
  background: boolean
  metadata: JsonObject
  requestConfig: JsonObject
  callbackUrl: string | null
  bodyHash: string | null
  parentRunId: RunId | null
  answersRunId: RunId | null
  /** Wall clock at admission, nanoseconds. */
  startNs: number
}

/**
 * How a new run stands: it has the turn and this process drives it at once, it has the turn and waits for a process, or
 * it waits for the turn. `front`: before everything that waits.
 */
export type Standing =
  | { type: 'driven'; owner: ProcessId; step: NewStep | null }
  | { type: 'ready' }
  | { type: 'waiting'; front: boolean }

/**
 * Stores a run in the admission transaction, under the scope's lock: its row with the whole request, its metrics, the
 * opening frame, its first step. The input becomes messages later, when the turn settles its rows.
 */
export async function insertRun(tx: Db, run: NewRun, standing: Standing): Promise<void> {
  const step = standing.type === 'driven' ? standing.step : null
  await insertAll(tx, {
    ...(step && { step: stepValues(step) }),
    run: runValues(run, standing),
    metrics: metricsValues(run),
    event: openingValues(run),
    scope: { organizationId: run.actor.organizationId, id: run.scope.id },
    ...(standing.type === 'waiting' && { queueTail: run.scope.queue_tail + 1 }),
  })
}

type AdmittedRows = {
  step?: ReturnType<typeof stepValues>
  run: ReturnType<typeof runValues>
  metrics: ReturnType<typeof metricsValues>
  event: ReturnType<typeof openingValues>
  scope: { organizationId: OrganizationId; id: ConversationId }
  queueTail?: number
}

const insertAll = statement((db, { step, run, metrics, event, scope, queueTail }: AdmittedRows) =>
  (step ? db.with('new_step', (db) => db.insertInto('steps').values(step).returning('id')) : db)
    .with('new_run', (db) => db.insertInto('runs').values(run).returning('id'))
    .with('new_metrics', (db) => db.insertInto('run_metrics').values(metrics).returning('id'))
    .with('new_event', (db) => db.insertInto('run_events').values(event).returning('seq'))
    .updateTable('conversations')
    .set({
      last_message_at: sql<string>`now()`,
      updated_at: sql<string>`now()`,
      ...(queueTail !== undefined && { queue_tail: queueTail }),
    })
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', scope.id),
)

function openingValues(run: NewRun) {
  return {
    organization_id: run.actor.organizationId,
    run_id: run.id,
    seq: OPENING.seq,
    seq_last: OPENING.seq,
    payload: JSON.stringify({ frame: OPENING.frame }),
  }
}

function runValues(run: NewRun, standing: Standing) {
  const driven = standing.type === 'driven'
  return {
    organization_id: run.actor.organizationId,
    id: run.id,
    agent_id: run.agent.id,
    conversation_id: run.scope.id,
    in_default_conversation: run.scope.is_default,
    status: driven ? ('running' as const) : ('created' as const),
    background: run.background,
    metadata: JSON.stringify(run.metadata),
    request_config: JSON.stringify(run.requestConfig),
    request: JSON.stringify(run.request),
    callback_url: run.callbackUrl,
    lease_owner: driven ? standing.owner : null,
    lease_epoch: driven ? 1 : 0,
    holds_turn: standing.type !== 'waiting',
    queue_pos: standing.type === 'waiting' ? (standing.front ? -1 : run.scope.queue_tail + 1) : null,
    seq_reserved: SEQ_BLOCK,
    parent_run_id: run.parentRunId,
    answers_run_id: run.answersRunId,
    body_hash: run.bodyHash,
    project_id: run.agent.projectId,
    base_template_id: run.agent.baseTemplateId,
    template_id: run.agent.templateId,
    created_by_id: run.actor.userId,
    last_updated_by_id: run.actor.userId,
  }
}

function metricsValues(run: NewRun) {
  return {
    organization_id: run.actor.organizationId,
    id: run.id,
    agent_id: run.agent.id,
    project_id: run.agent.projectId,
    base_template_id: run.agent.baseTemplateId,
    template_id: run.agent.templateId,
    run_start_ns: run.startNs,
  }
}

/** The lease of a run that its admission drives. */
export function leaseOfNew(run: NewRun, owner: ProcessId): Lease {
  return {
    organizationId: run.actor.organizationId,
    runId: run.id,
    conversationId: run.scope.id,
    agentId: run.agent.id,
    owner,
    epoch: 1,
  }
}
