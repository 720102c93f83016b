import type { Selectable } from 'kysely'
import type { Run } from '../domain/run.ts'
import type { RunsTable } from './schema.ts'

/** The columns of a run that its reader sees: not the request, which can be large. */
export const RUN_COLUMNS = [
  'runs.id',
  'runs.organization_id',
  'runs.agent_id',
  'runs.conversation_id',
  'runs.in_default_conversation',
  'runs.status',
  'runs.stop_reason',
  'runs.background',
  'runs.created_at',
  'runs.completed_at',
  'runs.metadata',
  'runs.request_config',
  'runs.callback_url',
  'runs.callback_sent_at',
  'runs.callback_status_code',
  'runs.callback_error',
  'runs.base_template_id',
  'runs.project_id',
  'runs.ttft_ns',
  'runs.created_by_id',
  'runs.parent_run_id',
  'runs.events_purged_at',
] as const

type ColumnOf<Name> = Name extends `runs.${infer Column}` ? Column : never
export type RunRow = Pick<Selectable<RunsTable>, ColumnOf<(typeof RUN_COLUMNS)[number]>> & {
  run_ns?: number | null
}

export function toRun(row: RunRow): Run {
  return {
    id: row.id,
    organizationId: row.organization_id,
    agentId: row.agent_id,
    conversationId: row.conversation_id,
    inDefaultConversation: row.in_default_conversation,
    status: row.status,
    stopReason: row.stop_reason,
    background: row.background,
    createdAt: row.created_at,
    completedAt: row.completed_at,
    metadata: row.metadata,
    requestConfig: row.request_config,
    callbackUrl: row.callback_url,
    callbackSentAt: row.callback_sent_at,
    callbackStatusCode: row.callback_status_code,
    callbackError: row.callback_error,
    baseTemplateId: row.base_template_id,
    projectId: row.project_id,
    ttftNs: row.ttft_ns,
    totalDurationNs: row.run_ns ?? null,
    createdById: row.created_by_id,
    parentRunId: row.parent_run_id,
    eventsPurgedAt: row.events_purged_at,
  }
}
