import type { Agent } from '../domain/agent.ts'
import type { StepId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import type { ToolReturn } from '../domain/message.ts'
import type { ToolExecution } from '../domain/step.ts'
import type { Tool, ToolResult } from '../domain/tool.ts'
import { monotonicNs } from '../lib/clock.ts'
import type { PlannedCall, RanCalls } from '../loop/state.ts'
import { refusalOf, returnOf } from '../loop/tool-return.ts'
import { needsApproval } from '../loop/tool-rules.ts'
import { readToolsNow } from '../store/agent-tools.ts'
import { LeaseLost } from '../store/leases.ts'
import type { Drive } from './drive.ts'
import { entryOf, executionIdOf, type Reply, type StepOfCalls, writeStarted } from './journal.ts'
import { runEditAlone } from './run-edits.ts'

/**
 * Runs the calls of a step in the model's order; neighbours that may run side by side do. Before a tool touches the
 * world, the journal has the model's answer and the ledger has the call. Edits of memory at the end are left for the
 * step's commit, which makes them and stores their results in one.
 */
export async function runCalls(
  drive: Drive,
  agent: Agent,
  step: StepOfCalls,
  reply: Reply,
  calls: PlannedCall[],
): Promise<RanCalls> {
  const barred = reply === null || step.journal ? new Map<string, string>() : await readBarred(drive, calls)
  const allowed = calls.filter(({ call }) => !barred.has(call.id))
  const left = trailingEdits(drive, allowed)
  const front = allowed.slice(0, allowed.length - left.length)
  const returns = calls.flatMap(({ call }) => {
    const text = barred.get(call.id)
    return text === undefined ? [] : [refusalOf(call, text, formatLocalTime(new Date(), agent.timezone))]
  })
  let longestNs = 0
  for (const batch of batchesOf(drive, front)) {
    const start = monotonicNs()
    const done = await runBatch(drive, agent, step, reply, batch)
    longestNs = Math.max(longestNs, monotonicNs() - start)
    returns.push(...done)
  }
  return { returns, left, longestNs }
}

/**
 * Calls that must not run any more, with what is said of them: while the model thought, their tools were taken away or put
 * under approval. What a journal or an approval goes on with was looked at when the run was read.
 */
async function readBarred({ deps, lease }: Drive, calls: PlannedCall[]): Promise<Map<string, string>> {
  const barred = new Map<string, string>()
  if (calls.length === 0) return barred
  const { attached, rules } = await readToolsNow(deps.db, lease.organizationId, lease.agentId)
  for (const { call, tool } of calls) {
    if (!attached.has(tool.id))
      barred.set(call.id, `Tool not found: ${call.name} is no longer attached to the agent.`)
    else if (needsApproval(rules, call.name))
      barred.set(call.id, `${call.name} needs an approval by now that it did not have when it was called.`)
  }
  return barred
}

function trailingEdits(drive: Drive, calls: PlannedCall[]): PlannedCall[] {
  const last = calls.findLastIndex(({ tool }) => drive.deps.toolOf(tool)?.effect !== 'edits')
  return calls.slice(last + 1)
}

/** A call that may not run beside others is a batch of its own, and so are edits. */
function batchesOf(drive: Drive, calls: PlannedCall[]): PlannedCall[][] {
  const isParallel = ({ tool }: PlannedCall) =>
    tool.enableParallelExecution && drive.deps.toolOf(tool)?.effect !== 'edits'
  const batches: PlannedCall[][] = []
  for (const call of calls) {
    const before = batches.at(-1)
    if (before && isParallel(call) && before.every(isParallel)) before.push(call)
    else batches.push([call])
  }
  return batches
}

async function runBatch(
  drive: Drive,
  agent: Agent,
  step: StepOfCalls,
  reply: Reply,
  batch: PlannedCall[],
): Promise<ToolReturn[]> {
  const [first] = batch
  const tool = first && drive.deps.toolOf(first.tool)
  if (first && tool?.effect === 'edits') {
    const start = monotonicNs()
    const result = await runEditAlone(drive, agent, step, reply, first)
    observeTool(drive, step, first, result, monotonicNs() - start)
    return [result]
  }
  const known = new Map(step.journal?.executions.map((execution) => [execution.callId, execution]))
  const fresh = batch.filter(({ call }) => known.get(call.id)?.state !== 'done')
  await writeStarted(drive, step, reply, fresh)
  const results = await Promise.all(
    batch.map((planned) => runCall(drive, agent, step, planned, known.get(planned.call.id))),
  )
  drive.deps.fault('after_tool')
  return results
}

async function runCall(
  drive: Drive,
  agent: Agent,
  step: StepOfCalls,
  planned: PlannedCall,
  known: ToolExecution | undefined,
): Promise<ToolReturn> {
  if (known?.state === 'done' && known.result) return known.result
  const tool = drive.deps.toolOf(planned.tool)
  const start = monotonicNs()
  const result = await resultOf(drive, agent, step, planned, tool, known)
  drive.done.push({ entry: entryOf(drive, step, planned), result })
  observeTool(drive, step, planned, result, monotonicNs() - start)
  return result
}

/** Told once what the call did is certain. */
export function observeTool(
  drive: Drive,
  step: { id: StepId },
  { call }: PlannedCall,
  result: ToolReturn,
  ns: number,
): void {
  drive.deps.observe({
    type: 'tool_ended',
    runId: drive.lease.runId,
    stepId: step.id,
    callId: call.id,
    tool: call.name,
    ms: ns / 1_000_000,
    failed: result.status === 'error',
  })
}

async function resultOf(
  drive: Drive,
  agent: Agent,
  step: StepOfCalls,
  planned: PlannedCall,
  tool: Tool | undefined,
  known: ToolExecution | undefined,
): Promise<ToolReturn> {
  const time = () => formatLocalTime(new Date(), agent.timezone)
  const { call } = planned
  if (!tool || tool.effect === 'edits') {
    return refusalOf(
      call,
      `Error executing function ${call.name}: NotImplementedError: this server cannot run it`,
      time(),
    )
  }
  if (known?.state === 'started' && tool.effect === 'acts' && !tool.idempotent) {
    const text = `The outcome of ${call.name} is unknown: the server stopped while it ran. It may have had its effect; check before you repeat it.`
    return refusalOf(call, text, time())
  }
  if (!drive.deps.lease.holds || drive.abort.signal.aborted) {
    throw new LeaseLost(`${call.name} was not started: the run may have another driver by now`)
  }
  const context = {
    organizationId: drive.lease.organizationId,
    agentId: drive.lease.agentId,
    conversationId: drive.lease.conversationId,
    runId: drive.lease.runId,
    timezone: agent.timezone,
    executionId: executionIdOf(step, planned.call.id),
    signal: drive.abort.signal,
  }
  const result = await orThrown(tool.run(planned.args, context), drive)
  if (drive.abort.signal.aborted)
    throw new LeaseLost(`${call.name} ended when its run was no longer driven here`)
  return returnOf(call, planned.tool, result, time())
}

/** Who writes a tool may throw; the model reads it as a failed call. A tool that ignores the abort is not waited for. */
async function orThrown(
  running: Promise<ToolResult>,
  { abort: { signal }, deps }: Drive,
): Promise<ToolResult> {
  const aborted = new Promise<ToolResult>((resolve) => {
    const stop = () => resolve({ ok: false, errorName: 'CancelledError', message: 'cancelled while it ran' })
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  let isOver = false
  const over = () => {
    isOver = true
  }
  running.then(over, over)
  try {
    const result = await Promise.race([running, aborted])
    if (!isOver) deps.orphans.add(running)
    return result
  } catch (error) {
    const thrown = error instanceof Error ? error : new Error(String(error))
    return { ok: false, errorName: thrown.name, message: thrown.message }
  }
}
