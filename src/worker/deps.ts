import type { ModelCatalog } from '../domain/model.ts'
import type { Tool, ToolRecord } from '../domain/tool.ts'
import type { Db } from '../store/schema.ts'
import type { Door } from './door.ts'
import type { FrameBuffer } from './frame-buffer.ts'
import type { Observe } from './observation.ts'
import type { OrphanTools } from './orphan-tools.ts'
import type { ProcessLease } from './process-lease.ts'
import type { Queue } from './queue.ts'
import type { RunHub } from './run-hub.ts'
import type { SentNotes } from './sent-notes.ts'

export type EngineSettings = {
  /** Runs that this process drives at once. */
  slotsMax: number
  /** Messages that may wait for a scope's turn. */
  waitingMax: number
  /** How long a caller's message waits for its turn, in milliseconds. */
  waitMs: number
  /** Tools that may go on without their runs before this process begins no new run. */
  orphansMax: number
  /** Takeovers without progress after which a run is given up. */
  attemptsMax: number
  /** Agents remember when their newest run ended, and how long it took. */
  trackLastRun: boolean
  /** How long a process that gives no sign of life keeps its runs, in milliseconds. */
  leaseMs: number
}

/** All that driving a run reaches for. Made once, in `serve.ts`. */
export type EngineDeps = {
  db: Db
  catalog: ModelCatalog
  /** What a tool does; undefined: this server cannot run it. */
  toolOf(record: ToolRecord): Tool | undefined
  hub: RunHub
  buffer: FrameBuffer
  queue: Queue
  door: Door
  lease: ProcessLease
  sent: SentNotes
  orphans: OrphanTools
  settings: EngineSettings
  observe: Observe
  /** False: the organisation has no credit left. */
  hasCredits(organizationId: string, agentId: string, signal: AbortSignal): Promise<boolean>
  /** Called at the named points of the engine's transactions; kills the process in crash tests. */
  fault(point: FaultPoint): void
}

/** Where a crash test may kill the process: before and after each commit and callback, in mid-stream and in mid-flush. */
export const FAULT_POINTS = [
  'before_admission',
  'after_admission',
  'mid_stream',
  'mid_flush',
  'before_journal',
  'after_journal',
  'after_tool',
  'before_checkpoint',
  'after_checkpoint',
  'before_settlement',
  'after_settlement',
  'before_cancel',
  'after_cancel',
  'before_compaction',
  'after_compaction',
  'before_callback',
  'after_callback',
] as const
export type FaultPoint = (typeof FAULT_POINTS)[number]
