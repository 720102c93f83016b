import type { ModelFailureKind } from '../domain/failure.ts'
import type { AgentId, RunId, StepId } from '../domain/id.ts'
import type { StopReason } from '../domain/stop-reason.ts'

/** Everything that the server says about itself. Logs, metrics and traces are readings of this one list. */
export type Observation =
  | { type: 'run_admitted'; runId: RunId; agentId: AgentId; transport: string; waiting: boolean }
  | { type: 'run_ended'; runId: RunId; agentId: AgentId; stopReason: StopReason; durationMs: number }
  /** Another driver, or a cancel, has the run now. Neither an error of the run nor of the process. */
  | { type: 'run_lost'; runId: RunId; epoch: number }
  | { type: 'run_taken_over'; runId: RunId; attempts: number }
  | { type: 'run_crashed'; runId: RunId; error: unknown }
  | {
      type: 'step_ended'
      runId: RunId
      stepId: StepId
      model: string
      llmMs: number
      toolMs: number
      tokens: number
    }
  | {
      type: 'model_failed'
      runId: RunId
      model: string
      failure: ModelFailureKind
      retried: boolean
      detail: string
    }
  | { type: 'model_answered_first'; runId: RunId; ms: number }
  | { type: 'tool_ended'; runId: RunId; tool: string; ms: number; failed: boolean }
  | { type: 'compacted'; runId: RunId | null; trigger: string; before: number; after: number }
  | { type: 'database_trouble'; what: string; error: unknown }
  | { type: 'flush_failed'; runs: number; error: unknown }
  | { type: 'lease_lost'; error: unknown }
  | { type: 'job_failed'; queue: string; error: unknown }
  | { type: 'request_ended'; method: string; path: string; status: number; ms: number }
  | { type: 'request_crashed'; method: string; path: string; error: unknown }
  | { type: 'notice'; text: string }

export type Observe = (observation: Observation) => void
