import type { StepId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Usage } from '../domain/model.ts'
import { isNudge } from '../domain/view.ts'
import { compactAfterStep } from './compact-context.ts'
import type { Committed, LoopEvent, LoopPorts, LoopState, StepResult } from './state.ts'
import { addUsage } from './tokens.ts'

/** The state after a commit, and the compaction that may be due before anything else happens. */
export async function* afterCommit(
  before: LoopState,
  committed: Committed,
  usage: Usage | null,
  stepId: StepId,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, StepResult> {
  const state: LoopState = {
    ...before,
    scope: committed.scope,
    context: [...before.context, ...committed.messages],
    unsaved: [],
    followUps: [],
    answer: null,
    step: committed.next,
    concluded: committed.outcome,
    stepsDone: before.stepsDone + (usage ? 1 : 0),
    usage: usage ? addUsage(before.usage, usage) : before.usage,
    trial: null,
    nudges: inVain(committed.messages) ? before.nudges + 1 : 0,
  }
  return yield* compactAfterStep(state, stepId, committed, ports, signal)
}

/** A step that called nothing and was told to. */
function inVain(messages: Message[]): boolean {
  return messages.some(isNudge) && messages.every((message) => message.role !== 'tool')
}
