import type { ModelFailureKind } from '../domain/failure.ts'
import type { AgentId, ConversationId, RunId, StepId } from '../domain/id.ts'
import type { Usage } from '../domain/model.ts'
import type { StepStatus } from '../domain/step.ts'
import type { StopReason } from '../domain/stop-reason.ts'
import type { Origin } from '../domain/turn.ts'

/** Where something stands among the traces; nulls: nowhere yet. */
export type TracePlace = Pick<Origin, 'traceId' | 'parentSpanId'>

/** Everything that the server says about itself. Logs, metrics and traces are readings of this one list. */
export type Observation =
  | { type: 'run_admitted'; runId: RunId; agentId: AgentId; transport: string; waiting: boolean; ms: number }
  /** A repeat of a request: its sender got the run that the first one started. */
  | { type: 'request_repeated'; runId: RunId }
  /** This process drives the run from here on. */
  | {
      type: 'run_driven'
      runId: RunId
      agentId: AgentId
      conversationId: ConversationId
      attempts: number
      trace: TracePlace
    }
  | { type: 'run_ended'; runId: RunId; agentId: AgentId; stopReason: StopReason; durationMs: number }
  /** Another driver, or a cancel, has the run now. Neither an error of the run nor of the process. */
  | { type: 'run_lost'; runId: RunId; epoch: number }
  | { type: 'run_taken_over'; runId: RunId; attempts: number }
  | { type: 'run_crashed'; runId: RunId; error: unknown }
  | {
      type: 'step_ended'
      runId: RunId
      stepId: StepId
      status: Exclude<StepStatus, 'pending'>
      provider: string
      model: string
      /** Of the wall clock; the durations are of the monotonic one. Null: the journal had the answer, or no tool ran. */
      startNs: number
      llmStartNs: number | null
      llmMs: number | null
      toolMs: number | null
      ms: number
      usage: Usage
    }
  | {
      type: 'model_failed'
      runId: RunId
      stepId: StepId
      model: string
      failure: ModelFailureKind
      retried: boolean
      detail: string
    }
  /** The first piece of a run's answer; `ms` since the admission. */
  | { type: 'model_answered_first'; runId: RunId; ms: number }
  | {
      type: 'tool_ended'
      runId: RunId
      stepId: StepId
      callId: string
      tool: string
      ms: number
      failed: boolean
    }
  /** `before` and `after`: messages in the context. */
  | { type: 'compacted'; runId: RunId; trigger: string; before: number; after: number }
  | { type: 'callback_tried'; runId: RunId; status: number | null; error: string | null }
  /** `enforced` false: it was let through. */
  | { type: 'credit_denied'; organizationId: string; agentId: string; enforced: boolean }
  | { type: 'database_trouble'; what: string; error: unknown }
  | { type: 'flush_failed'; runs: number; error: unknown }
  | { type: 'lease_lost'; error: unknown }
  | { type: 'job_failed'; queue: string; error: unknown }
  /** `route`: the path with its parameters unfilled. */
  | {
      type: 'request_ended'
      method: string
      path: string
      route: string
      status: number
      ms: number
      trace: TracePlace
    }
  | { type: 'request_crashed'; method: string; path: string; error: unknown }
  | { type: 'notice'; text: string }

export type Observe = (observation: Observation) => void
