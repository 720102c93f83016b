import type { RunError } from './failure.ts'
import type { RunId, StepId } from './id.ts'
import type { JsonObject } from './json.ts'
import type { AssistantPart, ToolCall, ToolReturn } from './message.ts'
import type { FinishReason, ModelTrace, Usage } from './model.ts'
import type { StopReason } from './stop-reason.ts'

export const STEP_STATUSES = ['pending', 'success', 'failed', 'cancelled'] as const
export type StepStatus = (typeof STEP_STATUSES)[number]

/** Where a step in flight stands, as the database knows it. */
export type StepPhase = 'started' | 'replied' | 'committed'

/** Nanoseconds. Undefined: did not happen. */
export type StepTimes = {
  stepStartNs: number
  llmRequestStartNs?: number
  llmRequestNs?: number
  /** The longest of the step's tools. */
  toolExecutionNs?: number
  stepNs?: number
}

/** A model's whole answer as the journal keeps it: enough to finish the step without asking again. */
export type StoredReply = {
  content: AssistantPart[]
  toolCalls: ToolCall[]
  usage: Usage
  finish: FinishReason
  /** The call asks to go on after it, of an agent that must ask. */
  heartbeat?: boolean
  /** Handle of the model that answered in the place of the agent's own. */
  standIn?: string
}

/** The ledger's row for one tool call. `refused`: it never ran, and its result says why. */
export type ToolExecution = {
  stepId: StepId
  callId: string
  name: string
  state: 'started' | 'done' | 'unknown' | 'refused'
  executionId: string
  result: ToolReturn | null
}

export type StepRecord = {
  id: StepId
  runId: RunId
  /** 0-based position in the run. */
  index: number
  status: StepStatus
  usage: Usage
  stopReason: StopReason | null
  error: RunError | null
  times: StepTimes
  trace: ModelTrace | null
  metadata: JsonObject
}
