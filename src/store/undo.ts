import type { ConversationId, MessageId, OrganizationId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'

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
      rows: { key: JsonObject; before: JsonObject }[]
    }
  | { kind: 'row'; table: 'open_approvals'; row: JsonObject }
