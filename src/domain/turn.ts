import type { MessageType } from './frame.ts'
import type { ConversationId, MessageId } from './id.ts'
import type { JsonObject } from './json.ts'
import type { Message } from './message.ts'
import type { LlmConfig, ToolSpec } from './model.ts'

/** How the caller waits. One engine serves all; this only decides what is told to whom. */
export type Transport = 'blocking' | 'stream' | 'background' | 'async'

export type ClientSkill = { name: string; description: string; location: string }

/** The number of the last message that was told of each conversation. */
export type ToldScopes = Record<ConversationId, number>

/** How those who watch the server know a request again. Trace: 32 hex digits; span: 16. */
export type Origin = { requestId: string | null; traceId: string | null; parentSpanId: string | null }

export const ORIGIN_UNKNOWN: Origin = { requestId: null, traceId: null, parentSpanId: null }

/** What a caller may ask for beside what it says, whatever the way of asking. */
export type TurnOptions = Pick<
  TurnRequest,
  | 'stepsMax'
  | 'returnTypes'
  | 'useAssistantMessage'
  | 'assistantToolName'
  | 'assistantToolKwarg'
  | 'clientTools'
  | 'clientSkills'
  | 'overrideSystem'
  | 'includeCompactionMessages'
> & {
  /** A model's handle, for this request only. */
  overrideModel: string | null
}

/** A request as it was admitted: everything that a run needs to be driven by any process, now or after a crash. */
export type TurnRequest = {
  transport: Transport
  /**
   * The prepared rows: final ids and otids, images already fetched. Either plain messages, or one
   * `approval_response` and the messages that follow it.
   */
  input: Message[]
  /** At least 1. */
  stepsMax: number
  /** The form of the run's log: one view per message, or token by token. */
  streamTokens: boolean
  /** Null: all. */
  returnTypes: MessageType[] | null
  /** The agent speaks through a tool (see `speech.ts`): what its answers look like depends on it. */
  speaksThroughTool: boolean
  /** Show what such an agent says as its answer, not as the call that it was. */
  useAssistantMessage: boolean
  assistantToolName: string
  assistantToolKwarg: string
  clientTools: ToolSpec[]
  clientSkills: ClientSkill[]
  overrideModel: LlmConfig | null
  overrideSystem: string | null
  includeCompactionMessages: boolean
  /** This run tends the memory of a group's leader: up to which message it is told, and how far in each conversation. Null: an ordinary run. */
  tends: { groupId: string; upTo: MessageId; scopes: ToldScopes } | null
  /** Calls started by other agents' tools: how deep (0: a user's), and which agents wait for it. */
  depth: number
  waitingAgents: string[]
  /** Who asked; providers are told, so that they can tell an abuser from the account. Null: nobody who is known. */
  user: string | null
  /** Headers and such that only traces show. */
  billing: JsonObject | null
  /** Absent: of an earlier release, or nobody's. */
  origin?: Origin
}
