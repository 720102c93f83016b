import type { MessageId, StepId } from '../domain/id.ts'
import type { ToolReturn } from '../domain/message.ts'
import type { StoredReply } from '../domain/step.ts'
import type { PlannedCall, StepRef } from '../loop/state.ts'
import { holdRun, noteProgress } from '../store/leases.ts'
import { insertStarted, type LedgerEntry, saveDone } from '../store/ledger.ts'
import type { Db } from '../store/schema.ts'
import { saveReply } from '../store/steps.ts'
import type { Drive } from './drive.ts'
import { persist } from './persist.ts'

/** The step whose calls run, with what an earlier driver has left of it. */
export type StepOfCalls = { id: StepId; journal: StepRef['journal'] }
/** The model's answer that the calls are from; null: they go on with an approval. */
export type Reply = (StoredReply & { messageId: MessageId }) | null

/** Before anything acts: the answer journaled, the calls in the ledger, what ended before them as well. */
export async function writeStarted(
  drive: Drive,
  step: StepOfCalls,
  reply: Reply,
  calls: PlannedCall[],
): Promise<void> {
  const acting = calls.filter(({ tool }) => drive.deps.toolOf(tool)?.effect === 'acts')
  if (acting.length === 0) return
  await persist(
    drive,
    'writing the journal',
    async (tx) => {
      await holdRun(tx, drive.lease)
      await writeJournal(tx, drive, step, reply)
      await insertStarted(
        tx,
        acting.map((planned) => entryOf(drive, step, planned)),
      )
      drive.deps.fault('before_journal')
      return true
    },
    async () => undefined,
  )
  if (reply) drive.journaledStepId = step.id
  drive.done = []
  drive.deps.fault('after_journal')
}

/** The part of a transaction that brings the journal and the ledger up to date. */
export async function writeJournal(tx: Db, drive: Drive, step: StepOfCalls, reply: Reply): Promise<void> {
  if (reply && drive.journaledStepId !== step.id) {
    await saveReply(tx, drive.lease.organizationId, step.id, reply)
    await noteProgress(tx, drive.lease)
  }
  await saveDone(tx, drive.done)
}

/** The ledger's row of a call. */
export function entryOf(drive: Drive, step: { id: StepId }, { call, tool }: PlannedCall): LedgerEntry {
  return {
    organizationId: drive.lease.organizationId,
    stepId: step.id,
    runId: drive.lease.runId,
    callId: call.id,
    toolId: tool.id,
    name: call.name,
    arguments: call.arguments,
    executionId: executionIdOf(step, call.id),
  }
}

/** The ledger's row of a call that does not run: whatever its arguments were, nothing gets them. */
export function refusedEntry(drive: Drive, step: { id: StepId }, result: ToolReturn): LedgerEntry {
  return {
    organizationId: drive.lease.organizationId,
    stepId: step.id,
    runId: drive.lease.runId,
    callId: result.callId,
    toolId: null,
    name: result.name ?? '',
    arguments: '{}',
    executionId: executionIdOf(step, result.callId),
  }
}

/** What a tool may use to tell a repeat by. */
export function executionIdOf(step: { id: StepId }, callId: string): string {
  return `${step.id}:${callId}`
}
