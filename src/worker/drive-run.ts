import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent } from '../domain/agent.ts'
import type { RunError } from '../domain/failure.ts'
import type { StepId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Outcome } from '../domain/run.ts'
import { monotonicNs, timestampNow, wallNs } from '../lib/clock.ts'
import { runAgent } from '../loop/run-agent.ts'
import type { FailedStep, LoopEvent, LoopPorts, StepCommit } from '../loop/state.ts'
import { saveCompactionFailed } from '../store/contexts.ts'
import { LeaseLost } from '../store/leases.ts'
import { readPicture } from '../store/pictures.ts'
import { toScope } from '../store/scopes.ts'
import type { Settled } from '../store/settle-run.ts'
import { isPassing } from '../store/transaction.ts'
import { commitCompaction, commitEnd, commitStep, type Told } from './commit.ts'
import { type Drive, noteFirstPiece } from './drive.ts'
import { endRunFromOutside } from './end-run.ts'
import { handOver } from './hand-over.ts'
import { type Fresh, loadState } from './load-state.ts'
import type { Observation } from './observation.ts'
import { observeTool, runCalls } from './run-calls.ts'
import { type Settlement, tellSettled } from './settle.ts'
import { compactionFrame, ShownPieces } from './shown-pieces.ts'

export type DriveNext = (run: Settled) => void

/** How long the database is given before a run is taken up again that it has failed, in milliseconds. */
const TROUBLE_MS = 100

/**
 * Drives a claimed run to its end, or to where it is dropped: because somebody else has it, or because the database is
 * away for longer than the lease. A bug ends the run as failed. Never throws.
 */
export async function driveRun(
  drive: Drive,
  fresh: Fresh | null,
  driveNext: DriveNext,
): Promise<'ended' | 'dropped'> {
  try {
    let begun = fresh
    while (true) {
      const left = await driveOnce(drive, begun, driveNext)
      if (left !== 'again') return left
      begun = null
      await sleep(TROUBLE_MS)
    }
  } finally {
    drive.deps.buffer.drop(drive.lease.runId)
  }
}

/** `again`: the database failed in between. Where the run stands is read anew, as the next owner would read it. */
async function driveOnce(
  drive: Drive,
  fresh: Fresh | null,
  driveNext: DriveNext,
): Promise<'ended' | 'dropped' | 'again'> {
  try {
    const state = await loadState(drive, fresh)
    const loop = runAgent(state, portsOf(drive, state.agent, driveNext), drive.abort.signal)
    const pieces = new ShownPieces(drive.lease.runId)
    for (let next = await loop.next(); !next.done; next = await loop.next())
      await show(drive, next.value, pieces)
    return drive.abort.signal.aborted ? 'dropped' : 'ended'
  } catch (error) {
    return endAfter(drive, error, driveNext)
  }
}

/** Our own trouble is no failure of the run; a bug would come again, and ends it. */
async function endAfter(
  drive: Drive,
  error: unknown,
  driveNext: DriveNext,
): Promise<'ended' | 'dropped' | 'again'> {
  const { deps, lease } = drive
  // Who aborts says why.
  if (drive.abort.signal.aborted) return 'dropped'
  if (error instanceof LeaseLost) {
    deps.observe({ type: 'run_lost', runId: lease.runId, epoch: lease.epoch })
    return 'dropped'
  }
  if (isPassing(error)) {
    deps.observe({ type: 'database_trouble', what: `driving ${lease.runId}`, error })
    return deps.lease.holds ? 'again' : 'dropped'
  }
  deps.observe({ type: 'run_crashed', runId: lease.runId, error })
  const outcome: Outcome = { stopReason: 'error', error: internalError(error) }
  try {
    await deps.buffer.flush()
    const { organizationId, runId, epoch } = lease
    const ended = await endRunFromOutside(deps, organizationId, runId, 'interrupted', outcome, { epoch })
    if (ended) tellSettled(deps, ended, driveNext)
    return 'ended'
  } catch (again) {
    deps.observe({ type: 'run_crashed', runId: lease.runId, error: again })
    return 'dropped'
  }
}

function internalError(error: unknown): RunError {
  return {
    errorType: 'internal_error',
    message: 'An unexpected error occurred.',
    detail: error instanceof Error ? error.message : String(error),
    modelFailure: null,
  }
}

/** What the loop reaches the world through, for one run. */
function portsOf(drive: Drive, start: Agent, driveNext: DriveNext): LoopPorts {
  const { deps, lease } = drive
  let agent = start
  const look = async () => {
    if (drive.handsOver) {
      await handOver(deps, [lease])
      throw new LeaseLost('the server stops')
    }
    const picture = await readPicture(deps.db, lease.organizationId, lease.agentId, lease.conversationId)
    for (const block of picture.agent.blocks) drive.seenVersions.set(block.id, block.version)
    agent = picture.agent
    return { agent: picture.agent, scope: picture.scope }
  }
  return {
    now: () => new Date(),
    timestamp: timestampNow,
    monotonicNs,
    wallNs,
    look,
    modelOf: (config) => {
      if (!deps.lease.holds) throw new LeaseLost('the run may have another driver by now')
      return deps.catalog.modelOf(config)
    },
    configOf: async (handle) => (await deps.catalog.findModel(handle))?.config ?? null,
    runCalls: async (step, reply, calls) => runCalls(drive, agent, step, reply, calls),
    commit: async (commit) => {
      const told = await commitStep(drive, agent, commit)
      observeEdits(drive, commit, told.result.messages)
      if (commit.step) deps.observe(stepEnded(drive, commit.step.id, 'success', commit))
      tell(drive, told, driveNext)
      return told.result
    },
    commitCompaction: async (commit) => {
      const told = await commitCompaction(drive, commit)
      const { trigger, messagesCountBefore: before, messagesCountAfter: after } = commit.stats
      deps.observe({ type: 'compacted', runId: lease.runId, trigger, before, after })
      tell(drive, told, driveNext)
      return toScope(told.result)
    },
    noteCompactionFailed: (length) =>
      saveCompactionFailed(deps.db, lease.organizationId, lease.conversationId, length),
    settle: async (outcome, unsaved, failed) => {
      const told = await commitEnd(drive, unsaved, outcome, failed)
      if (failed?.step) deps.observe(stepEnded(drive, failed.step.id, 'failed', failed))
      tell(drive, told, driveNext)
    },
    hasCredits: (signal) => deps.hasCredits(lease.organizationId, lease.agentId, signal),
    sleep: (ms) => sleep(ms, undefined, { signal: drive.abort.signal }).catch(() => undefined),
  }
}

/** The edits that the commit has made; they take no time of their own. */
function observeEdits(drive: Drive, { left, messageStepId }: StepCommit, messages: Message[]): void {
  const returns = messages.flatMap((message) => (message.role === 'tool' ? message.returns : []))
  for (const planned of left) {
    const result = returns.find(({ callId }) => callId === planned.call.id)
    if (result) observeTool(drive, { id: messageStepId }, planned, result, 0)
  }
}

function stepEnded(
  drive: Drive,
  stepId: StepId,
  status: 'success' | 'failed',
  { config, times, usage }: Pick<FailedStep, 'config' | 'times' | 'usage'>,
): Observation {
  const ms = (ns: number | undefined) => (ns === undefined ? null : ns / 1_000_000)
  return {
    type: 'step_ended',
    runId: drive.lease.runId,
    stepId,
    status,
    provider: config.provider_name ?? config.model_endpoint_type,
    model: config.model,
    startNs: times.stepStartNs,
    llmStartNs: times.llmRequestStartNs ?? null,
    llmMs: ms(times.llmRequestNs),
    toolMs: ms(times.toolExecutionNs),
    ms: ms(times.stepNs ?? times.llmRequestNs) ?? 0,
    usage,
  }
}

/** Save, then tell: nobody hears of a step that a crash could take back. */
function tell(drive: Drive, told: Told<unknown>, driveNext: DriveNext): void {
  drive.deps.hub.publish(drive.lease.runId, told.frames)
  if (told.settlement) tellSettled(drive.deps, told.settlement as Settlement, driveNext)
}

async function show(drive: Drive, event: LoopEvent, pieces: ShownPieces): Promise<void> {
  switch (event.type) {
    case 'delta':
      noteFirstPiece(drive)
      drive.deps.fault('mid_stream')
      return drive.log.show(pieces.frameOf(event))
    case 'compaction_start':
      if (drive.request.includeCompactionMessages)
        await drive.log.show(compactionFrame(drive.lease.runId, event))
      return
    case 'model_failed':
      drive.deps.observe({
        type: 'model_failed',
        runId: drive.lease.runId,
        stepId: event.stepId,
        model: event.model,
        failure: event.failure.kind,
        retried: event.retried,
        detail: event.failure.detail,
      })
  }
}
