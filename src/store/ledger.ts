import { sql } from 'kysely'
import type { OrganizationId, RunId, StepId, ToolId } from '../domain/id.ts'
import type { ToolReturn } from '../domain/message.ts'
import type { ToolExecution } from '../domain/step.ts'
import type { Db } from './schema.ts'

export type LedgerEntry = {
  organizationId: OrganizationId
  stepId: StepId
  /** The run that executes: for an approved call the answering one. */
  runId: RunId
  callId: string
  toolId: ToolId | null
  name: string
  arguments: string
  executionId: string
}

/** Writes down calls before they start. A row that is there already (another attempt) stays as it is. */
export async function insertStarted(tx: Db, entries: LedgerEntry[]): Promise<void> {
  if (entries.length === 0) return
  await tx
    .insertInto('tool_executions')
    .values(entries.map((entry) => ({ ...columnsOf(entry), state: 'started' as const })))
    .onConflict((conflict) =>
      conflict.columns(['organization_id', 'step_id', 'tool_call_id']).doUpdateSet({
        attempt: sql<number>`tool_executions.attempt + 1`,
      }),
    )
    .execute()
}

/** Writes down what calls ended with; a row that says so already is left alone. */
export async function saveDone(tx: Db, done: { entry: LedgerEntry; result: ToolReturn }[]): Promise<void> {
  if (done.length === 0) return
  await tx
    .insertInto('tool_executions')
    .values(done.map((one) => ({ ...endedColumnsOf(one), state: 'done' as const })))
    .onConflict((conflict) =>
      conflict
        .columns(['organization_id', 'step_id', 'tool_call_id'])
        .doUpdateSet((row) => ({
          state: row.ref('excluded.state'),
          result: row.ref('excluded.result'),
          finished_at: row.ref('excluded.finished_at'),
        }))
        .where('tool_executions.state', '=', 'started'),
    )
    .execute()
}

/** Writes down calls that will not run, with what is said of them once the calls beside them are answered. */
export async function insertRefused(
  tx: Db,
  refused: { entry: LedgerEntry; result: ToolReturn }[],
): Promise<void> {
  if (refused.length === 0) return
  await tx
    .insertInto('tool_executions')
    .values(refused.map((one) => ({ ...endedColumnsOf(one), state: 'refused' as const })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

function endedColumnsOf({ entry, result }: { entry: LedgerEntry; result: ToolReturn }) {
  return {
    ...columnsOf(entry),
    result: JSON.stringify(result),
    finished_at: sql<string>`clock_timestamp()`,
  }
}

function columnsOf(entry: LedgerEntry) {
  return {
    organization_id: entry.organizationId,
    step_id: entry.stepId,
    tool_call_id: entry.callId,
    run_id: entry.runId,
    tool_id: entry.toolId,
    name: entry.name,
    arguments: entry.arguments,
    execution_id: entry.executionId,
  }
}

/** The ledger of a step, in the order in which calls started. */
export async function readExecutions(
  db: Db,
  organizationId: OrganizationId,
  stepId: StepId,
): Promise<ToolExecution[]> {
  const rows = await db
    .selectFrom('tool_executions')
    .where('organization_id', '=', organizationId)
    .where('step_id', '=', stepId)
    .orderBy('started_at')
    .selectAll()
    .execute()
  return rows.map((row) => ({
    stepId: row.step_id,
    callId: row.tool_call_id,
    name: row.name,
    state: row.state,
    executionId: row.execution_id,
    result: row.result,
  }))
}

/** Marks calls whose outcome nobody will ever know. */
export async function saveUnknown(tx: Db, organizationId: OrganizationId, stepId: StepId): Promise<void> {
  await tx
    .updateTable('tool_executions')
    .set({ state: 'unknown', finished_at: sql<string>`clock_timestamp()` })
    .where('organization_id', '=', organizationId)
    .where('step_id', '=', stepId)
    .where('state', '=', 'started')
    .execute()
}
