import type { BlockId } from '../domain/id.ts'
import type { ToolReturn } from '../domain/message.ts'
import type { Lease } from '../domain/run.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { wallNs } from '../lib/clock.ts'
import type { LedgerEntry } from '../store/ledger.ts'
import type { EngineDeps } from './deps.ts'
import type { RunLog } from './run-log.ts'

/** One run being driven by this process: its lease, its log, and what its next transaction has to take along. */
export type Drive = {
  deps: EngineDeps
  lease: Lease
  request: TurnRequest
  log: RunLog
  abort: AbortController
  projectId: string | null
  /** Others look after the agent's memory: they may be due when this run ends. */
  isTended: boolean
  /** When the run was admitted, RFC 3339. */
  createdAt: string
  /** Nanoseconds from admission to the first piece of an answer; null: there was none yet. */
  ttftNs: number | null
  /** Versions of blocks that this run's prompt shows, raised by its own edits. */
  seenVersions: Map<BlockId, number>
  /** Calls that have ended and whose ledger rows wait for the next transaction. */
  done: { entry: LedgerEntry; result: ToolReturn }[]
  /** The step whose reply the journal has already. */
  journaledStepId: string | null
  /** The server stops: the run goes to another driver when its step has ended. */
  handsOver: boolean
}

/** Of an answer that is not shown while it comes, the first message that is stored is the first piece. */
export function noteFirstPiece(drive: Drive): void {
  if (drive.ttftNs !== null) return
  drive.ttftNs = Math.max(0, wallNs() - Date.parse(drive.createdAt) * 1_000_000)
  drive.deps.observe({ type: 'model_answered_first', runId: drive.lease.runId, ms: drive.ttftNs / 1_000_000 })
}
