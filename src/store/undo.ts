import type { ConversationId, MessageId, OrganizationId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'

/** `after`: what the repair made of it; with anything else the undo would overwrite what came since. */
export type ChangedRow = { key: JsonObject; before: JsonObject; after?: JsonObject }

/** What was there before a repair: enough to bring it back. */
export type Undo =
  | {
      kind: 'context'
      organizationId: OrganizationId
      conversationId: ConversationId
      /** The context that the repair left; with any other the undo would lose messages. */
      epoch: number
      length: number
      ids: MessageId[]
      added: MessageId[]
    }
  | {
      kind: 'columns'
      table: 'runs' | 'steps' | 'tool_executions'
      rows: ChangedRow[]
    }
  | { kind: 'row'; table: 'open_approvals'; row: JsonObject }
