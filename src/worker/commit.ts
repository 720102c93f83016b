import type { Agent } from '../domain/agent.ts'
import type { Frame, NumberedFrame } from '../domain/frame.ts'
import type { StepId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Outcome } from '../domain/run.ts'
import type {
  Committed,
  CompactionCommit,
  Conclusion,
  FailedStep,
  StepCommit,
  StepRef,
} from '../loop/state.ts'
import { insertApproval } from '../store/approvals.ts'
import {
  appendMessages,
  findSystemMessageId,
  type Proof,
  replaceContext,
  saveWithheld,
} from '../store/contexts.ts'
import { insertFrames } from '../store/events.ts'
import { holdRun, reserveSeq } from '../store/leases.ts'
import { insertRefused, saveDone } from '../store/ledger.ts'
import { hasMessage, insertMessages, updateSystemMessage } from '../store/messages.ts'
import { findRun, saveConclusion } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { type ScopeRow, toScope } from '../store/scopes.ts'
import { addToolTime, endStep, hasEnded, stepValues } from '../store/steps.ts'
import { type Drive, noteFirstPiece } from './drive.ts'
import { refusedEntry } from './journal.ts'
import { framesOf } from './message-frames.ts'
import { newStep } from './new-step.ts'
import { persist } from './persist.ts'
import { runEdits } from './run-edits.ts'
import { outsideContext, type Settlement, settleInTx } from './settle.ts'
import { startTenders } from './start-tenders.ts'

/** A commit's result, with what is told of it. */
export type Told<Result> = { result: Result; frames: NumberedFrame[]; settlement: Settlement | null }

/**
 * The checkpoint: messages, context, step, ledger, memory edits, frames, and either the next step's row or the end of
 * the run, all or none. After it the run continues from here, whatever happens to this process.
 */
export async function commitStep(drive: Drive, agent: Agent, commit: StepCommit): Promise<Told<Committed>> {
  let last: Told<Committed> | undefined
  const told = await withPending(drive, (pending) =>
    persist(
      drive,
      'saving a step',
      async (tx) => {
        last = await storeStep(tx, drive, agent, commit, pending)
        drive.deps.fault('before_checkpoint')
        return last
      },
      async (db) => (last && (await isStored(db, drive, commit, last)) ? last : undefined),
    ),
  )
  drive.done = []
  drive.deps.fault('after_checkpoint')
  return told
}

/** Whether a checkpoint whose commit was not answered is there: its messages are, whose ids are of this try alone. */
async function isStored(db: Db, drive: Drive, commit: StepCommit, told: Told<Committed>): Promise<boolean> {
  const [first] = [...told.result.messages, ...commit.unsaved]
  if (first) return hasMessage(db, drive.lease.organizationId, first.id)
  return commit.step !== null && hasEnded(db, drive.lease.organizationId, commit.step.id)
}

/** The hold goes out first, and what follows does not wait for its answer: whoever has lost the run rolls all of it back. */
async function storeStep(
  tx: Db,
  drive: Drive,
  agent: Agent,
  commit: StepCommit,
  pending: NumberedFrame[],
): Promise<Told<Committed>> {
  const held = holdRun(tx, drive.lease)
  try {
    const [told] = await Promise.all([storeHeld(tx, drive, agent, commit, pending, held), held])
    return told
  } catch (error) {
    // Who does not hold the run fails for that reason, whatever else failed.
    await held
    throw error
  }
}

async function storeHeld(
  tx: Db,
  drive: Drive,
  agent: Agent,
  commit: StepCommit,
  pending: NumberedFrame[],
  held: Promise<ScopeRow>,
): Promise<Told<Committed>> {
  // Blocks are locked after the scope.
  if (commit.left.length > 0) await held
  const [, edited] = await Promise.all([
    saveDone(tx, drive.done),
    runEdits(tx, drive, agent, { id: commit.messageStepId }, commit.left),
  ])
  const conclusion = commit.conclude(edited)
  if (conclusion.messages.length > 0) noteFirstPiece(drive)
  const messages = [...commit.unsaved, ...conclusion.messages]
  const frames = drive.log.number(framesOf(conclusion.messages, drive.request))
  // They go out in this order, and the answers to all are waited for once: the end of the run counts what the step used.
  const stored = Promise.all([
    appendMessages(tx, drive.lease, messages, {
      contextTokens: conclusion.contextTokens,
      calibration: commit.calibration,
      prompt: commit.prompt,
      ...proofOf(commit),
      withheld: commit.withheld,
    }),
    storeStepRow(tx, drive, commit, conclusion),
    conclusion.approval && openApproval(tx, drive, commit.messageStepId, conclusion.approval),
    insertFrames(tx, drive.lease.organizationId, drive.lease.runId, [...pending, ...frames]),
    // An `await` here would leave those above without anybody who hears of their failure.
    held.then((scope) => rewritePrompt(tx, scope, commit.prompt?.text)),
  ])
  const seq = frames.at(-1)?.seq ?? drive.log.seq
  const [[scope], { next, settlement }] = await Promise.all([
    stored,
    endOrGoOn(tx, drive, commit, conclusion, seq),
  ])
  return { result: { ...conclusion, next, scope: toScope(scope) }, frames, settlement }
}

async function openApproval(
  tx: Db,
  drive: Drive,
  stepId: StepId,
  { request, refusals }: NonNullable<Conclusion['approval']>,
): Promise<void> {
  const refused = refusals.map((result) => ({ entry: refusedEntry(drive, { id: stepId }, result), result }))
  await Promise.all([
    insertApproval(tx, drive.lease, request, drive.request.clientTools),
    insertRefused(tx, refused),
  ])
}

/** A model that has answered has taken all that it was asked with; not what others have put into the context meanwhile. */
function proofOf({ step, askedLength, unsaved }: StepCommit): { proof?: Proof } {
  return step ? { proof: { askedLength, unsaved: unsaved.length } } : {}
}

async function endOrGoOn(
  tx: Db,
  drive: Drive,
  commit: StepCommit,
  conclusion: Conclusion,
  seq: number,
): Promise<{ next: StepRef | null; settlement: Settlement | null }> {
  if (conclusion.outcome && !commit.keepOpen(conclusion)) {
    const contextTokens = Math.round(conclusion.contextTokens)
    const settlement = await endRun(tx, drive, conclusion.outcome, { seqFrom: seq, contextTokens })
    return { next: null, settlement: settlement ?? null }
  }
  const started = conclusion.outcome ? null : startNext(tx, drive, commit)
  const concluded = conclusion.outcome && saveConclusion(tx, drive.lease, conclusion.outcome.stopReason)
  const [next] = await Promise.all([started, concluded, reserveSeq(tx, drive.lease, seq, drive.ttftNs)])
  return { next, settlement: null }
}

/** Ends this run, and starts those that are due after it. */
async function endRun(
  tx: Db,
  drive: Drive,
  outcome: Outcome,
  options: { seqFrom: number; contextTokens: number | null },
): Promise<Settlement | undefined> {
  const runIds = await startTenders(tx, drive, outcome)
  return settleInTx(tx, drive.deps, drive.lease, outcome, { ...options, runIds, ttftNs: drive.ttftNs })
}

async function startNext(tx: Db, drive: Drive, commit: StepCommit): Promise<StepRef> {
  const index = commit.step ? commit.step.index + 1 : 0
  const next = { ...newStep(drive, index), id: commit.nextStepId }
  await tx.insertInto('steps').values(stepValues(next)).execute()
  return { id: next.id, index, journal: null }
}

async function storeStepRow(tx: Db, drive: Drive, commit: StepCommit, conclusion: Conclusion): Promise<void> {
  if (!commit.step) {
    return addToolTime(
      tx,
      drive.lease.organizationId,
      commit.messageStepId,
      commit.times.toolExecutionNs ?? 0,
    )
  }
  const step = { ...newStep(drive, commit.step.index), id: commit.step.id }
  await endStep(tx, step, {
    status: 'success',
    config: commit.config,
    usage: commit.usage,
    stopReason: conclusion.outcome?.stopReason ?? null,
    error: null,
    times: commit.times,
    trace: commit.trace,
  })
  await drive.deps.queue.enqueue(tx, 'step_webhook', step.id, { stepId: step.id })
}

async function rewritePrompt(tx: Db, scope: ScopeRow, text: string | undefined): Promise<void> {
  if (text === undefined) return
  const id = await findSystemMessageId(tx, scope)
  if (id) await updateSystemMessage(tx, scope.organization_id, id, text)
}

/** Puts a summary in the place of older messages: the old context or the new one, never something between. */
export async function commitCompaction(drive: Drive, commit: CompactionCommit): Promise<Told<ScopeRow>> {
  let last: Told<ScopeRow> | undefined
  const told = await withPending(drive, (pending) =>
    persist(
      drive,
      'saving a compaction',
      async (tx) => {
        const held = await holdRun(tx, drive.lease)
        await insertMessages(tx, drive.lease, [commit.summary, ...commit.unsaved])
        const systemId = await findSystemMessageId(tx, held)
        await rewritePrompt(tx, held, commit.prompt?.text)
        const ids = [...(systemId ? [systemId] : []), commit.summary.id, ...commit.kept.map(({ id }) => id)]
        const scope = await replaceContext(tx, held, ids, {
          stored: 1 + commit.unsaved.length,
          contextTokens: commit.contextTokens,
          prompt: commit.prompt,
        })
        const frames = drive.log.number(summaryFrames(commit.summary, drive))
        await insertFrames(tx, drive.lease.organizationId, drive.lease.runId, [...pending, ...frames])
        await reserveSeq(tx, drive.lease, frames.at(-1)?.seq ?? drive.log.seq)
        last = { result: scope, frames, settlement: null }
        drive.deps.fault('before_compaction')
        return last
      },
      async (db) =>
        (await hasMessage(db, drive.lease.organizationId, commit.summary.id)) ? last : undefined,
    ),
  )
  drive.deps.fault('after_compaction')
  return told
}

/** A summary is told in every mode; the loop's own nudges never are. */
function summaryFrames(summary: Message, drive: Drive): Frame[] {
  return framesOf([{ ...summary, role: 'summary' } as Message], { ...drive.request, streamTokens: false })
}

/** Ends a run that leaves no messages of a step behind: a failure, a limit. */
export async function commitEnd(
  drive: Drive,
  unsaved: Message[],
  outcome: Outcome,
  failed: FailedStep | null,
): Promise<Told<null>> {
  let last: Told<null> | undefined
  const told = await withPending(drive, (pending) =>
    persist(
      drive,
      'ending a run',
      async (tx) => {
        const scope = await holdRun(tx, drive.lease)
        await saveDone(tx, drive.done)
        await insertMessages(tx, drive.lease, outsideContext(unsaved, drive.lease.runId))
        if (failed) await storeFailedStep(tx, drive, outcome, failed)
        if (failed?.withheld) await saveWithheld(tx, scope, failed.withheld)
        await insertFrames(tx, drive.lease.organizationId, drive.lease.runId, pending)
        const settlement = await endRun(tx, drive, outcome, {
          seqFrom: drive.log.seq,
          contextTokens: scope.context_tokens,
        })
        last = { result: null, frames: [], settlement: settlement ?? null }
        return last
      },
      async (db) => {
        const run = await findRun(db, drive.lease.organizationId, drive.lease.runId)
        return run?.stopReason === outcome.stopReason ? last : undefined
      },
    ),
  )
  return told
}

async function storeFailedStep(tx: Db, drive: Drive, outcome: Outcome, failed: FailedStep): Promise<void> {
  if (!failed.step) return
  const step = { ...newStep(drive, failed.step.index), id: failed.step.id }
  await endStep(tx, step, {
    status: 'failed',
    config: failed.config,
    usage: failed.usage,
    stopReason: outcome.stopReason,
    error: failed.error,
    times: failed.times,
    trace: failed.trace,
  })
  await drive.deps.queue.enqueue(tx, 'step_webhook', step.id, { stepId: step.id })
}

/** Takes the run's unflushed frames along, and gives them back if nothing came of it. */
async function withPending<Result>(
  drive: Drive,
  work: (pending: NumberedFrame[]) => Promise<Told<Result>>,
): Promise<Told<Result>> {
  const pending = await drive.deps.buffer.take(drive.lease.runId)
  try {
    const told = await work(pending)
    drive.log.advance(told.settlement?.frames ?? told.frames, 0)
    return told
  } catch (error) {
    drive.deps.buffer.putBack(drive.lease, pending)
    throw error
  }
}
