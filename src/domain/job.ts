import type { AgentId, Id, OrganizationId, UserId } from './id.ts'
import type { InputItem } from './input.ts'
import type { JsonObject } from './json.ts'
import type { TurnOptions } from './turn.ts'

export type JobId = Id<'job'>

export const JOB_STATUSES = ['created', 'running', 'completed', 'failed', 'cancelled'] as const
export type JobStatus = (typeof JOB_STATUSES)[number]

/** Work of the server that a user can watch. A `batch` is requests to many agents. */
export type Job = {
  id: JobId
  organizationId: OrganizationId
  userId: UserId
  jobType: 'job' | 'batch'
  status: JobStatus
  metadata: JsonObject | null
  agentId: AgentId | null
  callbackUrl: string | null
  callbackSentAt: string | null
  callbackStatusCode: number | null
  callbackError: string | null
  createdAt: string
  updatedAt: string
  completedAt: string | null
}

/** One request of a batch. */
export type BatchRequest = {
  agentId: AgentId
  input: InputItem[]
  options: TurnOptions
  /** What the request is known by when its otids come again. */
  bodyHash: string
}
