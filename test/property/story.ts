import type { CompactionMode } from '../../src/domain/agent.ts'
import type { MessagePolicy } from '../../src/domain/conversation.ts'
import type { ModelFailureKind } from '../../src/domain/failure.ts'
import type { FinishReason } from '../../src/domain/model.ts'
import type { ToolRule } from '../../src/domain/tool.ts'
import type { FaultPoint } from '../../src/worker/deps.ts'

/** One seed's worth: an agent, and what happens to it, in order. Plain data, so that it can be shortened and printed. */
export type Story = { seed: number; agent: AgentPlan; actions: Action[] }

export type AgentPlan = {
  model: string
  /** Tokens. */
  window: number
  parallel: boolean
  tools: string[]
  rules: ToolRule[]
  compaction: { mode: CompactionMode; share: number } | null
  autoclear: boolean
  deferred: boolean
  conversations: number
  /** What a message does that meets a turn in progress; null: what the route does. */
  policy: MessagePolicy | null
}

/** Conversation 0 is the agent's default one. */
type Somewhere = { conv: number }

export type Way = 'blocking' | 'steps' | 'tokens' | 'background' | 'async'

export type Say = Somewhere & {
  type: 'say'
  /** Its text holds `[m<n>]`, by which it is found again. */
  n: number
  way: Way
  hasOtid: boolean
  content: 'text' | 'two' | 'image' | 'system' | 'long'
  clientTools: boolean
  stepsMax: number
  /** The client hangs up as soon as the answer begins. */
  leaves: boolean
  replies: Reply[]
}

export type AnswerHow = 'approve' | 'deny' | 'mixed' | 'partial' | 'wrong' | 'by_message' | 'twice_in_one'

export type Answering = Somewhere & {
  type: 'answer'
  n: number
  how: AnswerHow
  followUp: boolean
  way: Way
  /** A client tool's return: an error, pictures, something huge. */
  returns: 'text' | 'error' | 'image' | 'huge'
  clientTools: boolean
  replies: Reply[]
}

export type Action =
  | Say
  | Answering
  /** The last answer once more, whatever has happened since. */
  | (Somewhere & { type: 'answer_again'; n: number })
  /** An earlier `say` word for word. */
  | { type: 'resend'; nth: number }
  | (Somewhere & { type: 'cancel'; what: 'agent' | 'conversation' | 'newest_run' })
  /** Models and tools that wait go on. */
  | { type: 'release'; all: boolean }
  | { type: 'restart'; kind: 'stopped' | 'killed' }
  /** The process dies at the nth passage of a fault point from now. */
  | { type: 'die_at'; point: FaultPoint; nth: number }
  /** The database fails once, in a passing way, at the nth statement from now. */
  | { type: 'trouble'; nth: number }
  /** Reads the newest run's stream from a number on, to its end. */
  | { type: 'follow'; after: number }
  | (Somewhere & { type: 'compact'; mode: CompactionMode })
  | (Somewhere & { type: 'reset' })
  | (Somewhere & { type: 'fork' })
  | { type: 'edit_block'; n: number }
  | { type: 'change_model'; model: string }
  | { type: 'detach_tool'; tool: string }
  | { type: 'summaries'; replies: SummaryReply[] }
  | { type: 'at_once'; actions: Action[] }

export type Reply =
  | {
      type: 'answer'
      text: string
      thinks: boolean
      calls: ScriptedCall[]
      finish: FinishReason
      reportsUsage: boolean
      /** Waits, after its pieces were shown, until it is released or aborted. */
      waits: boolean
    }
  | { type: 'failure'; kind: ModelFailureKind; pieces: number }
  /** Throws, which a model never should. */
  | { type: 'bug' }

export type SummaryReply = 'short' | 'long' | 'empty' | 'failure' | 'overflow'

export type ScriptedCall = {
  /** No two calls of a story have the same: it is how they are counted outside. */
  n: number
  tool: string
  does: ToolDeed
  /** What is wrong with the call as text, if anything. */
  arguments: 'good' | 'truncated' | 'not_json' | 'doubled' | 'string' | 'none' | 'list'
  /** Where its id comes from: its own, none, or one that others have as well. */
  id: 'own' | 'none' | 'call_0' | 'long'
}

export type ToolDeed = 'works' | 'fails' | 'throws' | 'huge' | 'object' | 'waits'
