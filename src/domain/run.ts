import type { RunError } from './failure.ts'
import type { AgentId, ConversationId, OrganizationId, ProcessId, RunId, UserId } from './id.ts'
import type { JsonObject } from './json.ts'
import type { StopReason, TerminalStatus } from './stop-reason.ts'

export const RUN_STATUSES = ['created', 'running', 'completed', 'failed', 'cancelled'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

export function isTerminal(status: RunStatus): status is TerminalStatus {
  return status !== 'created' && status !== 'running'
}

/** One agent's answer to one request: a row of steps, and in the end one stop reason. */
export type Run = {
  id: RunId
  organizationId: OrganizationId
  agentId: AgentId
  /** The scope whose turn the run takes; the default conversation is a real one here and null on the wire. */
  conversationId: ConversationId
  inDefaultConversation: boolean
  status: RunStatus
  stopReason: StopReason | null
  background: boolean
  /** RFC 3339, UTC, microseconds. */
  createdAt: string
  completedAt: string | null
  /** `run_type`, and after a failure `error`. Merged key by key, never replaced. */
  metadata: JsonObject | null
  /** The four output options that the old server kept of a request. */
  requestConfig: JsonObject | null
  callbackUrl: string | null
  callbackSentAt: string | null
  callbackStatusCode: number | null
  callbackError: string | null
  baseTemplateId: string | null
  projectId: string | null
  /** From admission to the first piece of the model's answer, in nanoseconds. */
  ttftNs: number | null
  /** From admission to the end, in nanoseconds. */
  totalDurationNs: number | null
  createdById: UserId | null
  parentRunId: RunId | null
  /** When the run's stream was deleted; null: it is kept. */
  eventsPurgedAt: string | null
}

/** The right to drive a run: only the newest epoch's writes count. */
export type Lease = {
  organizationId: OrganizationId
  runId: RunId
  conversationId: ConversationId
  agentId: AgentId
  owner: ProcessId
  epoch: number
}

/** How a run ended. `error` is there exactly when the status is `failed` for a failure that can be named. */
export type Outcome = { stopReason: StopReason; error: RunError | null }
