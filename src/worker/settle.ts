import type { Frame, NumberedFrame, RequestUsage } from '../domain/frame.ts'
import type { RunId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Outcome } from '../domain/run.ts'
import { insertFrames } from '../store/events.ts'
import { insertMessages } from '../store/messages.ts'
import { leaveToCommit } from '../store/pipeline.ts'
import type { Db } from '../store/schema.ts'
import { findOpenApproval } from '../store/scopes.ts'
import { handTurnOn, type Settled, settleRun } from '../store/settle-run.ts'
import { readWaitingCallers } from '../store/waiting.ts'
import { outcomeOf, pendingApproval } from './conflicts.ts'
import type { EngineDeps, EngineSettings } from './deps.ts'

export type SettleDeps = Pick<EngineDeps, 'queue' | 'fault'> & {
  settings: Pick<EngineSettings, 'trackLastRun'>
}

/** What a settlement did, for telling once it is committed. */
export type Settlement = {
  run: Settled
  outcome: Outcome
  frames: NumberedFrame[]
  /** The run that has the turn now. */
  nextRunId: RunId | null
  /** Runs that were withdrawn because this one ended with an open approval. */
  withdrawn: Settlement[]
  durationMs: number
}

/**
 * Ends a run, in a transaction that holds its scope: row, metrics, agent, terminal frames, callback job, and the turn
 * handed on. `seqFrom`: the last number shown; null: somebody else numbered, so it is told by the reservation.
 * Undefined: it had ended already.
 */
export async function settleInTx(
  tx: Db,
  deps: SettleDeps,
  run: Settled,
  outcome: Outcome,
  options: {
    seqFrom: number | null
    contextTokens: number | null
    /** Runs that were started when this one ended. */
    runIds?: RunId[] | null
    ttftNs?: number | null
    fromCompleted?: boolean
    keepTurn?: boolean
  },
): Promise<Settlement | undefined> {
  const { organizationId, runId } = run
  const ended = await settleRun(tx, run, outcome, { ...deps.settings, ...options })
  if (!ended) return undefined
  for (const stepId of ended.closedSteps) await deps.queue.enqueue(tx, 'step_webhook', stepId, { stepId })
  const frames: NumberedFrame[] = options.fromCompleted
    ? []
    : terminalFrames(outcome, options.seqFrom ?? ended.seqReserved, {
        ...ended.usage,
        contextTokens: options.contextTokens,
        runIds: options.runIds ?? null,
      })
  leaveToCommit(tx, insertFrames(tx, run.organizationId, run.runId, frames))
  if (ended.callbackUrl && !options.fromCompleted)
    await deps.queue.enqueue(tx, 'callback', runId, { organizationId, runId })
  // Who waits behind an approval that opens now is told before anybody gets the turn.
  const withdrawn = outcome.stopReason === 'requires_approval' ? await withdrawCallers(tx, deps, run) : []
  const nextRunId = ended.isWaitedFor && !options.keepTurn ? await handOn(tx, deps, run) : null
  deps.fault('before_settlement')
  return {
    run,
    outcome,
    frames,
    nextRunId,
    withdrawn,
    durationMs: ended.completedAt ? Date.parse(ended.completedAt) - Date.parse(ended.createdAt) : 0,
  }
}

/** One stop reason, the error if there is one, the usage: every stream ends so. */
function terminalFrames(outcome: Outcome, seqFrom: number, usage: RequestUsage): NumberedFrame[] {
  const frames: Frame[] = [
    { kind: 'stop', stopReason: outcome.stopReason },
    ...(outcome.error ? [{ kind: 'error' as const, error: outcome.error }] : []),
    { kind: 'usage', usage },
  ]
  return frames.map((frame, index) => ({ seq: seqFrom + 1 + index, frame }))
}

async function handOn(tx: Db, deps: SettleDeps, run: Settled): Promise<RunId | null> {
  const next = await handTurnOn(tx, run.organizationId, run.conversationId)
  if (!next) return null
  await deps.queue.enqueueDrive(tx, { organizationId: run.organizationId, runId: next }, true)
  return next
}

/**
 * An approval has opened: callers that wait for their plain message are told at once, and their runs are withdrawn.
 * Runs that nobody waits for go on waiting.
 */
async function withdrawCallers(tx: Db, deps: SettleDeps, run: Settled): Promise<Settlement[]> {
  const settlements: Settlement[] = []
  const callers = await readWaitingCallers(tx, run.organizationId, run.conversationId)
  if (callers.length === 0) return settlements
  const open = await findOpenApproval(tx, { organization_id: run.organizationId, id: run.conversationId })
  const outcome = outcomeOf(pendingApproval(open?.message_id ?? null))
  for (const { id, input } of callers) {
    const settlement = await withdrawInTx(tx, deps, { ...run, runId: id }, input, outcome)
    if (settlement) settlements.push(settlement)
  }
  return settlements
}

/** Takes a waiting run back, with its input kept outside the context. */
export async function withdrawInTx(
  tx: Db,
  deps: SettleDeps,
  run: Settled,
  input: Message[],
  outcome: Outcome,
): Promise<Settlement | undefined> {
  const settlement = await settleInTx(tx, deps, run, outcome, {
    seqFrom: null,
    contextTokens: null,
    keepTurn: true,
  })
  if (settlement) await insertMessages(tx, run, outsideContext(input, run.runId))
  return settlement
}

export function outsideContext(input: Message[], runId: RunId): Message[] {
  return input.map((message) => ({ ...message, runId, isErr: true }))
}

export const CANCELLED: Outcome = { stopReason: 'cancelled', error: null }

/** Tells of settlements that are committed: readers first, then whoever can drive what comes next. */
export function tellSettled(
  deps: EngineDeps,
  settlement: Settlement,
  driveNext: (run: Settled) => void,
): void {
  const { run, outcome } = settlement
  deps.fault('after_settlement')
  deps.hub.publish(run.runId, settlement.frames)
  deps.hub.hint(run.runId)
  deps.queue.forgetDrive(run.runId)
  deps.observe({
    type: 'run_ended',
    runId: run.runId,
    agentId: run.agentId,
    stopReason: outcome.stopReason,
    durationMs: settlement.durationMs,
  })
  for (const withdrawn of settlement.withdrawn) tellSettled(deps, withdrawn, driveNext)
  if (settlement.nextRunId) driveNext({ ...run, runId: settlement.nextRunId })
}
