import type { Agent } from '../domain/agent.ts'
import type { StepId } from '../domain/id.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import { applyEdits, type HeldBlock, type MemoryEdit } from '../domain/memory.ts'
import type { ToolReturn } from '../domain/message.ts'
import type { Tool, ToolResult } from '../domain/tool.ts'
import type { PlannedCall } from '../loop/state.ts'
import { returnOf } from '../loop/tool-return.ts'
import { holdRun } from '../store/leases.ts'
import { readExecutions, saveDone } from '../store/ledger.ts'
import { lockBlocks, type MemoryOwner, saveEdits } from '../store/memory-edits.ts'
import type { Db } from '../store/schema.ts'
import type { Drive } from './drive.ts'
import { entryOf, type Reply, type StepOfCalls, writeJournal } from './journal.ts'
import { persist } from './persist.ts'

/** An edit between other calls has a transaction of its own; its result must be there for what follows. */
export async function runEditAlone(
  drive: Drive,
  agent: Agent,
  step: StepOfCalls,
  reply: Reply,
  planned: PlannedCall,
): Promise<ToolReturn> {
  const known = step.journal?.executions.find(({ callId }) => callId === planned.call.id)
  if (known?.state === 'done' && known.result) return known.result
  const [result] = await persist(
    drive,
    'editing memory',
    async (tx) => {
      await holdRun(tx, drive.lease)
      await writeJournal(tx, drive, step, reply)
      return runEdits(tx, drive, agent, step, [planned])
    },
    async (tx) => {
      const written = await readExecutions(tx, drive.lease.organizationId, step.id)
      const result = written.find(({ callId }) => callId === planned.call.id)?.result
      return result ? [result] : undefined
    },
  )
  if (!result) throw new Error('an edit has one result')
  if (reply) drive.journaledStepId = step.id
  drive.done = []
  return result
}

/**
 * Makes the edits of memory calls under the blocks' locks, each on what the one before left, and writes blocks, history
 * and ledger rows. In the caller's transaction: edit and result are saved together.
 */
export async function runEdits(
  tx: Db,
  drive: Drive,
  agent: Agent,
  step: { id: StepId },
  calls: PlannedCall[],
): Promise<ToolReturn[]> {
  if (calls.length === 0) return []
  const owner = { ...ownerOf(drive), writer: drive.lease.agentId }
  let blocks = await lockBlocks(tx, owner, agent.blocks, drive.seenVersions)
  const returns: ToolReturn[] = []
  for (const planned of calls) {
    const { result, edits } = await runEdit(tx, drive, owner, blocks, planned)
    blocks = applyEdits(blocks, edits)
    const returned = returnOf(planned.call, planned.tool, result, formatLocalTime(new Date(), agent.timezone))
    await saveDone(tx, [{ entry: entryOf(drive, step, planned), result: returned }])
    returns.push(returned)
  }
  return returns
}

type Edited = { result: ToolResult; edits: MemoryEdit[] }

/** A failed call edits nothing. */
async function runEdit(
  tx: Db,
  drive: Drive,
  owner: MemoryOwner,
  blocks: HeldBlock[],
  planned: PlannedCall,
): Promise<Edited> {
  const tool = drive.deps.toolOf(planned.tool)
  if (tool?.effect !== 'edits') throw new Error(`${planned.call.name} does not edit memory`)
  const edited = editsOf(tool, blocks, planned)
  const saved = await saveEdits(tx, owner, edited.edits)
  if (saved.type === 'label_taken') return { result: LABEL_TAKEN, edits: [] }
  for (const [id, version] of saved.versions) drive.seenVersions.set(id, version)
  return edited
}

const LABEL_TAKEN: ToolResult = {
  ok: false,
  errorName: 'ValueError',
  message: 'Another agent that shares this block has a block of that name already. Choose another name.',
}

function editsOf(
  tool: Extract<Tool, { effect: 'edits' }>,
  blocks: HeldBlock[],
  planned: PlannedCall,
): Edited {
  try {
    const edited = tool.run(blocks, planned.args)
    return edited.result.ok ? edited : { ...edited, edits: [] }
  } catch (error) {
    const thrown = error instanceof Error ? error : new Error(String(error))
    return { result: { ok: false, errorName: thrown.name, message: thrown.message }, edits: [] }
  }
}

function ownerOf({ lease }: Drive) {
  return {
    organizationId: lease.organizationId,
    agentId: lease.agentId,
    conversationId: lease.conversationId,
  }
}
