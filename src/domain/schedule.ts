import type { MessageType } from './frame.ts'
import type { AgentId, Id, OrganizationId, UserId } from './id.ts'
import type { InputItem } from './input.ts'

export type ScheduleId = Id<'schedule'>

/** When a message is to be sent. `atMs`: since 1970. `timezone`: an IANA name that the expression is read in. */
export type Timing =
  | { type: 'one-time'; atMs: number }
  | { type: 'recurring'; cron: string; timezone: string }

/** A message that the server sends to an agent by itself. */
export type Schedule = {
  id: ScheduleId
  organizationId: OrganizationId
  agentId: AgentId
  createdById: UserId
  timing: Timing
  input: InputItem[]
  stepsMax: number
  returnTypes: MessageType[] | null
  callbackUrl: string | null
  /** RFC 3339, UTC; null: the last time has come. */
  nextAt: string | null
}
