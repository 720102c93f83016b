import type { MessageId, OrganizationId, RunId } from '../domain/id.ts'
import { halfBefore, type Message, type MessageOf } from '../domain/message.ts'
import { isTerminal, type Outcome, type Run } from '../domain/run.ts'
import type { StoredReply } from '../domain/step.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { timestampNow } from '../lib/clock.ts'
import { type Closing, closeTurn, denyRequest, type OpenTurn } from '../loop/close-turn.ts'
import type { OpenAnswer } from '../loop/state.ts'
import { deleteApproval } from '../store/approvals.ts'
import { extendContext } from '../store/contexts.ts'
import { readExecutions, saveUnknown } from '../store/ledger.ts'
import { hasMessage, insertMessages, readContext } from '../store/messages.ts'
import { readAgentClock } from '../store/pictures.ts'
import { findRun, lockRun } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { findOpenApproval, lockScope, type ScopeRow } from '../store/scopes.ts'
import type { Settled } from '../store/settle-run.ts'
import { findOpenStep } from '../store/steps.ts'
import type { EngineDeps } from './deps.ts'
import { persistForCaller } from './persist.ts'
import { outsideContext, type SettleDeps, type Settlement, settleInTx } from './settle.ts'

/** Which runs are meant: with `onlyWaiting` those that have not had their turn, with `epoch` those of one driver. */
type EndOptions = { onlyWaiting?: boolean; epoch?: number; keepTurn?: boolean }

/**
 * Ends a run from outside its driver: a cancel, or a run that is given up. One transaction writes everything, from the
 * journal: the driver, if there is one, finds its fence closed and writes nothing more. Undefined: there was nothing to
 * end, because the run has ended (or is not one of those that the options mean).
 */
export async function endRunFromOutside(
  deps: SettleDeps & Pick<EngineDeps, 'db' | 'observe'>,
  organizationId: OrganizationId,
  runId: RunId,
  closing: Closing,
  outcome: Outcome,
  options: EndOptions = {},
): Promise<Settlement | undefined> {
  const seen = await findRun(deps.db, organizationId, runId)
  if (!seen) return undefined
  let last: Settlement | undefined
  const settlement = await persistForCaller(
    deps,
    'ending a run',
    { organizationId, conversationId: seen.conversationId },
    async (tx) => {
      last = await endRunInTx(tx, deps, seen, closing, outcome, options)
      deps.fault('before_cancel')
      return last
    },
    async (tx) => {
      const run = last && (await findRun(tx, organizationId, runId))
      return run?.stopReason === outcome.stopReason ? last : undefined
    },
  )
  deps.fault('after_cancel')
  return settlement
}

/** The same inside a transaction that does more. Who calls it tells of it once it is committed. */
export async function endRunInTx(
  tx: Db,
  deps: SettleDeps,
  named: Pick<Run, 'id' | 'organizationId' | 'conversationId'>,
  closing: Closing,
  outcome: Outcome,
  options: EndOptions = {},
): Promise<Settlement | undefined> {
  const scope = await lockScope(tx, named.organizationId, named.conversationId, true)
  const run = await lockRun(tx, named.organizationId, named.id)
  if (!run || !isMeant(run, options)) return undefined
  const settled: Settled = {
    organizationId: named.organizationId,
    runId: named.id,
    conversationId: run.conversation_id,
    agentId: run.agent_id,
  }
  if (isTerminal(run.status)) return cancelApproval(tx, deps, settled, scope, outcome)
  if (!run.holds_turn) return withdrawWaiting(tx, deps, settled, run.request, scope, closing, outcome)
  return endActive(tx, deps, settled, run, scope, closing, outcome, options)
}

type LockedRun = NonNullable<Awaited<ReturnType<typeof lockRun>>>

function isMeant(run: LockedRun, { onlyWaiting, epoch }: EndOptions): boolean {
  if (onlyWaiting) return run.status === 'created' && !run.holds_turn
  return epoch === undefined || run.lease_epoch === epoch
}

/** A completed run that still owns the open approval: denied, and free for what comes next. */
async function cancelApproval(
  tx: Db,
  deps: SettleDeps,
  run: Settled,
  scope: ScopeRow,
  outcome: Outcome,
): Promise<Settlement | undefined> {
  if (outcome.stopReason !== 'cancelled' || !(await denyOpen(tx, run, scope))) return undefined
  return settleInTx(tx, deps, run, outcome, {
    seqFrom: null,
    contextTokens: scope.context_tokens,
    fromCompleted: true,
  })
}

/** Denies what a run has asked for. False: it has asked for nothing, or that was answered. */
async function denyOpen(tx: Db, run: Settled, scope: ScopeRow): Promise<boolean> {
  const open = await findOpenApproval(tx, scope)
  if (open?.run_id !== run.runId) return false
  const context = await readContext(tx, run.organizationId, scope.id)
  const request = context.find((message) => message.id === open.message_id)
  if (request?.role !== 'approval_request') return false
  const turn = await turnOf(tx, run, null, [])
  await storeInContext(tx, run, scope, denyRequest(turn, request, besidesOf(context, request)))
  await deleteApproval(tx, run.organizationId, scope.id)
  return true
}

/**
 * A run that waits for its turn has done nothing. Its input is kept as its ending asks, but never in the context between
 * an approval request and what will answer it.
 */
async function withdrawWaiting(
  tx: Db,
  deps: SettleDeps,
  run: Settled,
  request: TurnRequest,
  scope: ScopeRow,
  closing: Closing,
  outcome: Outcome,
): Promise<Settlement | undefined> {
  const input = request.input.map((message) => ({ ...message, runId: run.runId }))
  const isPlain = request.input[0]?.role !== 'approval_response'
  if (closing === 'cancelled' && isPlain && !(await findOpenApproval(tx, scope)))
    await storeInContext(tx, run, scope, input)
  else await insertMessages(tx, run, outsideContext(input, run.runId))
  return settleInTx(tx, deps, run, outcome, { seqFrom: null, contextTokens: null, keepTurn: true })
}

async function endActive(
  tx: Db,
  deps: SettleDeps,
  run: Settled,
  row: LockedRun,
  scope: ScopeRow,
  closing: Closing,
  outcome: Outcome,
  { keepTurn = false }: EndOptions,
): Promise<Settlement | undefined> {
  if (row.concluded_with) return endConcluded(tx, deps, run, row.concluded_with, scope, outcome, { keepTurn })
  const context = await readContext(tx, run.organizationId, scope.id)
  const turn = await turnOf(tx, run, row.request, context)
  const messages = closeTurn(turn, closing)
  const nothingSaved = messages.length > 0 && messages.every((message) => turn.unsaved.includes(message))
  if (closing === 'interrupted' && nothingSaved)
    await insertMessages(tx, run, outsideContext(messages, run.runId))
  else await storeInContext(tx, run, scope, messages)
  for (const stepId of [turn.step?.id, turn.answer?.request.stepId])
    if (stepId) await saveUnknown(tx, run.organizationId, stepId)
  return settleInTx(tx, deps, run, outcome, { seqFrom: null, contextTokens: scope.context_tokens, keepTurn })
}

/**
 * A run whose turn is over and saved, and that was making room for the next one. It ends as its turn did, unless it is
 * cancelled: then what it has asked for is denied.
 */
async function endConcluded(
  tx: Db,
  deps: SettleDeps,
  run: Settled,
  stopReason: StopReason,
  scope: ScopeRow,
  outcome: Outcome,
  { keepTurn = false }: EndOptions,
): Promise<Settlement | undefined> {
  const isCancelled = outcome.stopReason === 'cancelled'
  if (isCancelled) await denyOpen(tx, run, scope)
  return settleInTx(tx, deps, run, isCancelled ? outcome : { stopReason, error: null }, {
    seqFrom: null,
    contextTokens: scope.context_tokens,
    keepTurn,
  })
}

async function turnOf(
  tx: Db,
  run: Settled,
  request: TurnRequest | null,
  context: Message[],
): Promise<OpenTurn> {
  const input = (request?.input ?? []).map((message) => ({ ...message, runId: run.runId }))
  const isSaved = input[0] !== undefined && (await hasMessage(tx, run.organizationId, input[0].id))
  const answer = isSaved ? null : await openAnswer(tx, run, input[0], context)
  const open = await findOpenStep(tx, run.organizationId, run.runId)
  const agent = await readAgentClock(tx, run.organizationId, run.agentId)
  return {
    runId: run.runId,
    unsaved: isSaved || answer ? [] : input.map((message) => ({ ...message, stepId: open?.id ?? null })),
    answer,
    followUps: answer ? input.slice(1) : [],
    step: open
      ? {
          id: open.id,
          reply: open.reply as (StoredReply & { messageId: MessageId }) | null,
          executions: await readExecutions(tx, run.organizationId, open.id),
        }
      : null,
    model: agent.model,
    timezone: agent.timezone,
    now: { date: new Date(), timestamp: timestampNow() },
  }
}

async function openAnswer(
  tx: Db,
  run: Settled,
  first: Message | undefined,
  context: Message[],
): Promise<OpenAnswer | null> {
  if (first?.role !== 'approval_response') return null
  const request = context.findLast((message) => message.role === 'approval_request')
  if (request?.role !== 'approval_request' || !request.stepId) return null
  return {
    request,
    besides: besidesOf(context, request),
    response: { ...first, stepId: request.stepId },
    executions: await readExecutions(tx, run.organizationId, request.stepId),
  }
}

/** Calls of the same answer that needed no approval and wait with the request. */
export function besidesOf(context: Message[], request: MessageOf<'approval_request'>) {
  return halfBefore(context, context.indexOf(request))?.toolCalls ?? []
}

async function storeInContext(tx: Db, run: Settled, scope: ScopeRow, messages: Message[]): Promise<void> {
  if (messages.length === 0) return
  await insertMessages(tx, run, messages)
  await extendContext(
    tx,
    scope,
    messages.map(({ id }) => id),
    { stored: messages.length },
  )
}
