import type { MessagePolicy } from '../domain/conversation.ts'
import { type ConversationId, newId, type RunId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Lease } from '../domain/run.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { monotonicNs, timestampNow, wallNs } from '../lib/clock.ts'
import { insertRun, leaseOfNew, type NewRun, type Standing } from '../store/admit-run.ts'
import { insertKeys } from '../store/idempotency.ts'
import { leaveToCommit } from '../store/pipeline.ts'
import { appendInput, findRun } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { lockScope, readScopeFacts, type ScopeFacts, type ScopeRow } from '../store/scopes.ts'
import { readWaiting } from '../store/waiting.ts'
import { conversationBusy } from './conflicts.ts'
import type { EngineDeps } from './deps.ts'
import { endRunInTx } from './end-run.ts'
import { enterScope, type NewEntry } from './enter-scope.ts'
import { findRepeated, keysOf, type Repeatable } from './find-repeated.ts'
import { readStart } from './load-state.ts'
import { newStep } from './new-step.ts'
import { persistForCaller } from './persist.ts'
import type { PreparedInput } from './prepare-input.ts'
import { CANCELLED, type Settlement } from './settle.ts'
import type { Worker } from './worker.ts'

export type Send = Repeatable & {
  agent: NewRun['agent']
  conversationId: ConversationId
  input: PreparedInput
  /** Everything of the request but its input. */
  request: Omit<TurnRequest, 'input'>
  /** What happens when the scope's turn is taken. */
  policy: MessagePolicy
  background: boolean
  metadata: JsonObject
  requestConfig: JsonObject
  callbackUrl: string | null
  parentRunId?: RunId
  /** A tool of the parent waits for the answer, in the parent's slot. */
  parentWaits?: boolean
  /** Notes the run where it belongs, in the transaction that admits it. When this throws, there is no run. */
  note?: (tx: Db, runId: RunId) => Promise<void>
}

/** `attached`: the request was a repeat; the run that the first one started is the answer. */
export type Admitted = {
  runId: RunId
  attached: boolean
  /** The run has not got its turn yet. */
  waiting: boolean
}

/** `start`: drives the run here. `ended`: the run that had to go for this one. */
type Taken = Admitted & { start: (() => void) | null; ended: Settlement | null }

/**
 * Takes a request in: one transaction stores it whole, gives it the scope's turn or a place in the queue, and (with a
 * free slot) claims it for this process. After it, the run ends in one visible way, whatever happens.
 * Faults: conflict while an approval is open or the conversation is busy, bad_request for an answer that does not fit.
 */
export async function admit(deps: EngineDeps, worker: Worker, send: Send): Promise<Admitted> {
  const startNs = monotonicNs()
  return deps.door(() => admitNow(deps, worker, send, startNs))
}

async function admitNow(deps: EngineDeps, worker: Worker, send: Send, startNs: number): Promise<Admitted> {
  const slot = worker.reserveSlot(send.parentWaits ? send.parentRunId : null)
  let used = false
  try {
    const taken = await take(deps, worker, send, slot)
    deps.fault('after_admission')
    if (taken.ended) worker.tellEnded(taken.ended)
    used = taken.start !== null
    taken.start?.()
    const { runId, attached, waiting } = taken
    if (attached) {
      deps.observe({ type: 'request_repeated', runId })
    } else {
      const { transport } = send.request
      const ms = (monotonicNs() - startNs) / 1_000_000
      deps.observe({ type: 'run_admitted', runId, agentId: send.agent.id, transport, waiting: !used, ms })
    }
    return { runId, attached, waiting }
  } finally {
    if (slot && !used) worker.releaseSlot()
  }
}

/** The admission's transaction; what a lost answer to its commit leaves open is read back by the run's id. */
async function take(deps: EngineDeps, worker: Worker, send: Send, slot: boolean): Promise<Taken> {
  const { organizationId } = send.actor
  let last: Taken | undefined
  return persistForCaller(
    deps,
    'admitting a run',
    { organizationId, conversationId: send.conversationId },
    async (tx) => {
      last = await takeInTx(tx, deps, worker, send, slot)
      await send.note?.(tx, last.runId)
      deps.fault('before_admission')
      return last
    },
    async (tx) =>
      last && !last.attached && (await findRun(tx, organizationId, last.runId)) ? last : undefined,
  )
}

async function takeInTx(tx: Db, deps: EngineDeps, worker: Worker, send: Send, slot: boolean): Promise<Taken> {
  const { organizationId } = send.actor
  const key = { organization_id: organizationId, id: send.conversationId }
  const keys = keysOf(send.input.otids)
  // They go out together, the lock first: what is read behind it is what stands there once it is held.
  const [scope, repeated, facts] = await Promise.all([
    lockScope(tx, organizationId, send.conversationId),
    findRepeated(tx, key, send, keys),
    readScopeFacts(tx, key),
  ])
  if (repeated) return attachedTo(repeated)
  const entry = await enterScope(tx, scope, facts, send)
  if (entry.type === 'attach') return attachedTo(entry.runId)
  const joined = await join(tx, scope, facts, entry, send)
  if (joined) {
    await insertKeys(tx, scope, keys, joined, send.bodyHash)
    return { ...attachedTo(joined), waiting: true }
  }
  const ended = await interrupt(tx, deps, scope, facts, send)
  const run = newRunOf(send, scope, entry)
  const standing = standingOf(deps, run, facts, { isAnswer: entry.type === 'answer', slot, ended }, send)
  const start = standing.type === 'driven' ? starter(deps, worker, run, standing, ended === null) : null
  const job = { organizationId, runId: run.id }
  leaveToCommit(tx, insertRun(tx, run, standing))
  leaveToCommit(tx, insertKeys(tx, scope, keys, run.id, send.bodyHash))
  if (standing.type !== 'waiting') await deps.queue.enqueueDrive(tx, job, standing.type === 'ready')
  return { runId: run.id, attached: false, waiting: standing.type === 'waiting', start, ended }
}

function attachedTo(runId: RunId): Taken {
  return { runId, attached: true, waiting: false, start: null, ended: null }
}

/** Policy `merge`: the newest run that still waits takes the messages along. Undefined: none does, or it cannot. */
async function join(
  tx: Db,
  scope: ScopeRow,
  facts: ScopeFacts,
  entry: NewEntry,
  send: Send,
): Promise<RunId | undefined> {
  if (send.policy !== 'merge' || entry.type === 'answer' || facts.waitingCount === 0) return undefined
  const waiting = await readWaiting(tx, scope.organization_id, scope.id)
  const last = waiting.at(-1)
  if (!last || last.input[0]?.role === 'approval_response') return undefined
  await appendInput(tx, scope.organization_id, last.id, entry.input)
  return last.id
}

/** Policy `interrupt`: whoever has the turn is cancelled here and now, and the new run has it. */
async function interrupt(
  tx: Db,
  deps: EngineDeps,
  scope: ScopeRow,
  facts: ScopeFacts,
  send: Send,
): Promise<Settlement | null> {
  if (send.policy !== 'interrupt' || facts.activeRunId === null) return null
  const active = {
    id: facts.activeRunId,
    organizationId: scope.organization_id,
    conversationId: scope.id,
  }
  return (await endRunInTx(tx, deps, active, 'cancelled', CANCELLED, { keepTurn: true })) ?? null
}

/**
 * What drives the run once it is admitted. `contextStands`: nothing of this transaction changes what the run starts from.
 * Then that is read meanwhile, on another connection: the scope is held, so no turn can change it either.
 */
function starter(
  deps: EngineDeps,
  worker: Worker,
  run: NewRun,
  standing: Extract<Standing, { type: 'driven' }>,
  contextStands: boolean,
): () => void {
  const lease: Lease = leaseOfNew(run, deps.lease.id)
  const step = standing.step && { id: standing.step.id, index: standing.step.index, journal: null }
  const start = contextStands ? readStart(deps.db, lease) : null
  // Heard of by whoever drives the run, if it is admitted.
  start?.catch(() => undefined)
  return () => worker.startAdmitted(lease, run.request, timestampNow(), { step, start })
}

function newRunOf(send: Send, scope: ScopeRow, entry: NewEntry): NewRun {
  const clientTools =
    entry.type === 'answer' && send.request.clientTools.length === 0
      ? entry.open.client_tools
      : send.request.clientTools
  return {
    id: newId('run'),
    actor: send.actor,
    agent: send.agent,
    scope,
    request: { ...send.request, clientTools, input: entry.input },
    background: send.background,
    metadata: send.metadata,
    requestConfig: send.requestConfig,
    callbackUrl: send.callbackUrl,
    bodyHash: send.bodyHash,
    parentRunId: send.parentRunId ?? null,
    answersRunId: entry.type === 'answer' ? entry.open.run_id : null,
    startNs: wallNs(),
  }
}

/** Whether the run starts now, or where it waits. Faults: conversation_busy. */
function standingOf(
  deps: EngineDeps,
  run: NewRun,
  facts: ScopeFacts,
  { isAnswer, slot, ended }: { isAnswer: boolean; slot: boolean; ended: Settlement | null },
  send: Send,
): Standing {
  const isNext = isAnswer || (facts.openApproval === null && facts.waitingCount === 0)
  const free = ended !== null || (facts.activeRunId === null && isNext)
  if (free && slot) {
    const step = isAnswer
      ? null
      : newStep(
          { lease: leaseOfNew(run, deps.lease.id), projectId: run.agent.projectId, request: run.request },
          0,
        )
    return { type: 'driven', owner: deps.lease.id, step }
  }
  if (free) return { type: 'ready' }
  if (!isAnswer && (send.policy === 'reject' || facts.waitingCount >= deps.settings.waitingMax)) {
    throw conversationBusy(facts.activeRunId)
  }
  return { type: 'waiting', front: isAnswer }
}
