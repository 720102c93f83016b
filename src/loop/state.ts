import type { Agent, Scope } from '../domain/agent.ts'
import type { CompactionStats } from '../domain/envelope.ts'
import type { RunError } from '../domain/failure.ts'
import type { MessageId, RunId, StepId } from '../domain/id.ts'
import type { JsonObject } from '../domain/json.ts'
import type { Message, MessageOf, ToolCall, ToolReturn } from '../domain/message.ts'
import type { LlmConfig, Model, ModelDelta, ModelReply, ModelTrace, Usage } from '../domain/model.ts'
import type { Outcome } from '../domain/run.ts'
import type { StepTimes, StoredReply, ToolExecution } from '../domain/step.ts'
import type { ToolRecord } from '../domain/tool.ts'
import type { TurnRequest } from '../domain/turn.ts'
import type { Withheld } from '../domain/withheld.ts'
import type { CalledTool } from './tool-rules.ts'

/** Everything a step can depend on. Plain data: stored, rebuilt after a crash, written by hand in a test. */
export type LoopState = {
  runId: RunId
  request: TurnRequest
  agent: Agent
  scope: Scope
  /** The context as the model will read it: the system message, what is stored, and the input of this turn. */
  context: Message[]
  /** Ids of calls in stored messages that an agent which forgets does not see: they are taken all the same. */
  forgottenCallIds: string[]
  /** Calls of this turn whose messages a compaction has put out of the context, oldest first. */
  calledBefore: CalledTool[]
  /** The end of `context` that no commit has stored yet. */
  unsaved: Message[]
  /** Messages that came behind an approval answer: the input of the step after it. */
  followUps: Message[]
  /** The answer that this run was started with, until its calls are closed. */
  answer: OpenAnswer | null
  /** The step in flight; its row is in the database. Null: the next commit or claim starts one. */
  step: StepRef | null
  /** How the turn ended, when an earlier driver has saved that and not ended the run. */
  concluded: Outcome | null
  /** Model calls finished in this run. */
  stepsDone: number
  usage: Usage
  /** What is left out of this step's request because the provider refused it whole; null: nothing. */
  trial: Withheld | null
  /** Nudges given because a required tool or a forced call was missing, in a row. */
  nudges: number
}

export type StepRef = {
  id: StepId
  index: number
  /** What the journal has: a reply that was saved before a crash, and the ledger of its calls. */
  journal: { reply: StoredReply & { messageId: MessageId }; executions: ToolExecution[] } | null
}

/** An approval request with the answer to it. */
export type OpenAnswer = {
  request: MessageOf<'approval_request'>
  /** Calls of the same answer that needed no approval and wait with it. */
  besides: ToolCall[]
  response: MessageOf<'approval_response'>
  /** The ledger of the request's step: what was refused when it was asked, and what an earlier driver had begun. */
  executions: ToolExecution[]
}

/** A call that may run now: its arguments parsed, cleaned and merged. */
export type PlannedCall = { call: ToolCall; tool: ToolRecord; args: JsonObject }

/** What became of a batch of calls. `left`: edits at the end of the batch, to be made by the commit itself. */
export type RanCalls = { returns: ToolReturn[]; left: PlannedCall[]; longestNs: number }

/** What a commit stores of a step, once its last results are known. */
export type Conclusion = {
  /** New messages behind the unsaved ones. */
  messages: Message[]
  /** Set with an approval request among the messages: what was asked, and results of calls beside it that will not run. */
  approval: { request: MessageOf<'approval_request'>; refusals: ToolReturn[] } | null
  outcome: Outcome | null
  /** Tokens in the context with these messages. */
  contextTokens: number
}

export type StepCommit = {
  /** Whose row ends. Null: the answer to an approval, which has no step of its own. */
  step: StepRef | null
  /** Whose ids the messages carry. */
  messageStepId: StepId
  /** The id of the step after this one, if there will be one. */
  nextStepId: StepId
  unsaved: Message[]
  config: LlmConfig
  usage: Usage
  times: StepTimes
  trace: ModelTrace | null
  /** Tokens that the provider counts per estimated one, as this step showed; null: it reported nothing. */
  calibration: number | null
  /** The system message's new text, when this step compiled one. */
  prompt: { text: string; basis: string } | null
  /** Stored items of the context when the model was asked. */
  askedLength: number
  /** What the model got no more in this step; null: nothing new. */
  withheld: Withheld | null
  left: PlannedCall[]
  /** Pure: the messages and the end that follow from the results of `left`. Called under the blocks' locks. */
  conclude(results: ToolReturn[]): Conclusion
  /** A compaction is due: the run does not end with this commit, whatever the outcome. */
  keepOpen(conclusion: Conclusion): boolean
}

export type Committed = Conclusion & { next: StepRef | null; scope: Scope }

export type CompactionCommit = {
  unsaved: Message[]
  /** The system message stays; these follow it. `summary` is new, the rest is stored already. */
  summary: Message
  kept: Message[]
  prompt: { text: string; basis: string } | null
  contextTokens: number
  stats: CompactionStats
}

/** What the loop reaches outside itself for. Each may throw only what ends the driver (a lost lease, a bug). */
export type LoopPorts = {
  now(): Date
  timestamp(): string
  monotonicNs(): number
  wallNs(): number
  /** The agent and its scope as they are now, in one picture. */
  look(): Promise<{ agent: Agent; scope: Scope }>
  modelOf(config: LlmConfig): Model
  /** The config of another model by its handle, e.g. a summariser's; null: not to be had. */
  configOf(handle: string): Promise<LlmConfig | null>
  /** Runs calls in model order; the edits at the end are left for the commit. Journals `reply` when a call acts outside. */
  runCalls(
    step: { id: StepId; journal: StepRef['journal'] },
    reply: (StoredReply & { messageId: MessageId }) | null,
    calls: PlannedCall[],
  ): Promise<RanCalls>
  commit(commit: StepCommit): Promise<Committed>
  commitCompaction(commit: CompactionCommit): Promise<Scope>
  /** Remembers that a compaction of this context did not help. */
  noteCompactionFailed(contextLength: number): Promise<void>
  /** Ends the run without a step's messages: a failure, a limit, a compaction after the last step. */
  settle(outcome: Outcome, unsaved: Message[], failed: FailedStep | null): Promise<void>
  /** False: the organisation has no credit for another step. */
  hasCredits(signal: AbortSignal): Promise<boolean>
  sleep(ms: number): Promise<void>
}

export type FailedStep = {
  step: StepRef | null
  config: LlmConfig
  usage: Usage
  error: RunError
  /** What was tried without, of messages that stay in the context. */
  withheld: Withheld | null
  times: StepTimes
  trace: ModelTrace | null
}

/** A piece of an answer. `thought_delta`: thinking that the model was asked to write down. */
export type LoopDelta = ModelDelta | { type: 'thought_delta'; text: string }

/** What the loop tells while it works, for showing only. Messages are told by the commits. */
export type LoopEvent =
  | { type: 'delta'; delta: LoopDelta; messageId: MessageId; stepId: StepId; needsApproval: boolean }
  | {
      type: 'compaction_start'
      summaryId: MessageId
      stepId: StepId | null
      trigger: string
      tokens: number | null
      window: number
    }
  | {
      type: 'model_failed'
      stepId: StepId
      model: string
      failure: Extract<ModelReply, { ok: false }>['failure']
      retried: boolean
    }

/** Where a step leaves the turn. `lost`: somebody else has ended or taken the run, and has written what there was. */
export type StepResult = { type: 'next'; state: LoopState } | { type: 'ended' } | { type: 'lost' }
