import type { MessageId, StepId } from '../domain/id.ts'
import { halfBefore, type Message, type MessageOf, toolCallsOf } from '../domain/message.ts'
import type { Lease } from '../domain/run.ts'
import type { StoredReply } from '../domain/step.ts'
import type { LoopState, OpenAnswer, StepRef } from '../loop/state.ts'
import { USAGE_NONE } from '../loop/tokens.ts'
import { callsIn, lastInputIndex, messagesOfTurn } from '../loop/turn-history.ts'
import { holdRun } from '../store/leases.ts'
import { readExecutions } from '../store/ledger.ts'
import { readMessagePage } from '../store/message-lists.ts'
import { hasMessage, readContext } from '../store/messages.ts'
import { type Picture, readPicture } from '../store/pictures.ts'
import { onOneConnection } from '../store/pipeline.ts'
import { findConclusion } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { countSteps, findOpenStep, stepValues } from '../store/steps.ts'
import { inTransaction } from '../store/transaction.ts'
import type { Drive } from './drive.ts'
import { newStep } from './new-step.ts'
import { mendPrompt } from './store-prompt.ts'

/** A run that this process has just admitted, its first step with it, and what it starts from. */
export type Fresh = { step: StepRef | null; start: Promise<Start> | null }

/** What is there before a turn: the agent, and the context that the turn goes on with. */
export type Start = { picture: Picture; stored: Message[] }

export async function readStart(db: Db, lease: Omit<Lease, 'owner' | 'epoch'>): Promise<Start> {
  const { organizationId, agentId, conversationId } = lease
  return onOneConnection(db, async (one) => {
    const [picture, stored] = await Promise.all([
      readPicture(one, organizationId, agentId, conversationId),
      readContext(one, organizationId, conversationId),
    ])
    return { picture, stored }
  })
}

/** The state that a run starts from, or goes on from after a crash: the same thing, read from the tables. */
export async function loadState(drive: Drive, fresh: Fresh | null): Promise<LoopState> {
  const { deps, lease, request } = drive
  const { picture, stored } = await mended(drive, await (fresh?.start ?? readStart(deps.db, lease)))
  drive.projectId = picture.projectId
  drive.isTended = picture.agent.groupId !== null
  for (const block of picture.agent.blocks) drive.seenVersions.set(block.id, block.version)
  const [first] = request.input
  // Not looked for in the context: it may have been compacted away by now.
  const isSaved = !fresh && first !== undefined && (await hasMessage(deps.db, lease.organizationId, first.id))
  const answer = isSaved ? null : await answerOf(drive, first, stored)
  const concluded = fresh ? undefined : await findConclusion(deps.db, lease)
  const step = fresh ? fresh.step : concluded ? null : await stepInFlight(drive, answer !== null)
  const unsaved = isSaved ? [] : answer ? [answer.response] : withRun(request.input, drive)
  const seen = visible(stored, picture, startOfTurn(stored, first, isSaved))
  return {
    runId: lease.runId,
    request,
    agent: picture.agent,
    scope: picture.scope,
    context: [...seen, ...unsaved],
    forgottenCallIds: callIdsBeside(stored, seen),
    calledBefore: isSaved || answer ? await callsOutside(drive, stored) : [],
    unsaved,
    followUps: answer ? withRun(request.input.slice(1), drive) : [],
    answer,
    step,
    concluded: concluded ? { stopReason: concluded, error: null } : null,
    stepsDone: fresh ? 0 : await countSteps(deps.db, lease.organizationId, lease.runId),
    usage: USAGE_NONE,
    trial: null,
    nudges: 0,
  }
}

/** The turn goes on with a system message, also where the context has lost it. */
async function mended({ deps, lease }: Drive, start: Start): Promise<Start> {
  if (start.stored[0]?.role === 'system') return start
  await inTransaction(deps.db, async (tx) => mendPrompt(tx, await holdRun(tx, lease)))
  return readStart(deps.db, lease)
}

/** Messages among which a turn that goes on is looked for. */
const TURN_MAX = 500

/** Calls of the turn that goes on whose messages a compaction has put out of the context. */
async function callsOutside({ deps, lease }: Drive, context: Message[]): Promise<LoopState['calledBefore']> {
  const { organizationId, conversationId } = lease
  const page = { before: null, after: null, limit: TURN_MAX, order: 'desc' as const, includeErrors: false }
  const newest = (await readMessagePage(deps.db, organizationId, { conversationId }, page)).toReversed()
  const inContext = new Set(context.map(({ id }) => id))
  return callsIn(messagesOfTurn(newest).filter(({ id }) => !inContext.has(id)))
}

/** An agent that forgets after each turn sees its system message and this turn. */
function visible(stored: Message[], picture: Picture, turnStart: number): Message[] {
  if (!picture.agent.messageBufferAutoclear) return stored
  return stored.filter((_, index) => index === 0 || index >= turnStart)
}

function callIdsBeside(stored: Message[], seen: Message[]): string[] {
  if (stored.length === seen.length) return []
  const kept = new Set(seen)
  return stored
    .filter((message) => !kept.has(message))
    .flatMap(toolCallsOf)
    .map(({ id }) => id)
}

/** Where the turn begins that a run starts or goes on with. An answer goes on with the turn that asked. */
function startOfTurn(stored: Message[], first: Message | undefined, isSaved: boolean): number {
  if (first?.role === 'approval_response') return lastInputIndex(stored)
  return isSaved ? stored.findIndex((message) => message.id === first?.id) : stored.length
}

function withRun(messages: Message[], { lease }: Drive): Message[] {
  return messages.map((message) => ({ ...message, runId: lease.runId }))
}

/** The approval request that this run's first message answers, with the calls that wait beside it. */
async function answerOf(
  drive: Drive,
  first: Message | undefined,
  context: Message[],
): Promise<OpenAnswer | null> {
  if (first?.role !== 'approval_response') return null
  const index = context.findLastIndex((message) => message.role === 'approval_request')
  const request = context[index] as MessageOf<'approval_request'> | undefined
  if (!request?.stepId) return null
  const besides = halfBefore(context, index)?.toolCalls ?? []
  const executions = await readExecutions(drive.deps.db, drive.lease.organizationId, request.stepId)
  return { request, besides, response: { ...first, runId: drive.lease.runId }, executions }
}

/** The step that an earlier driver had begun, with its journal; or a new one, whose row is written before it is used. */
async function stepInFlight(drive: Drive, answers: boolean): Promise<StepRef | null> {
  const { db } = drive.deps
  const { organizationId, runId } = drive.lease
  const open = await findOpenStep(db, organizationId, runId)
  if (open) return { id: open.id, index: open.index, journal: await journalOf(drive, open.id, open.reply) }
  if (answers) return null
  const step = newStep(drive, await countSteps(db, organizationId, runId))
  await inTransaction(db, async (tx) => {
    await holdRun(tx, drive.lease)
    await tx.insertInto('steps').values(stepValues(step)).execute()
  })
  return { id: step.id, index: step.index, journal: null }
}

async function journalOf(
  drive: Drive,
  stepId: StepId,
  reply: StoredReply | null,
): Promise<StepRef['journal']> {
  if (!reply) return null
  drive.journaledStepId = stepId
  const executions = await readExecutions(drive.deps.db, drive.lease.organizationId, stepId)
  return { reply: reply as StoredReply & { messageId: MessageId }, executions }
}
