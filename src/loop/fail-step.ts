import { MODEL_FAILURES, type ModelFailure, type RunError } from '../domain/failure.ts'
import type { Outcome } from '../domain/run.ts'
import type { Answer } from './ask-model.ts'
import { configOf } from './offer-tools.ts'
import type { LoopPorts, LoopState, StepRef, StepResult } from './state.ts'
import { USAGE_NONE } from './tokens.ts'
import { keptTrial } from './withhold.ts'

/** Why no room could be made for a request that was too large. */
export type NoRoom =
  | { type: 'useless' }
  | { type: 'system_prompt_too_large' }
  | { type: 'failed'; failure: ModelFailure }

/** Ends the run with a step whose model did not answer. The context stays as it was. */
export async function failStep(
  state: LoopState,
  step: StepRef,
  answer: Answer,
  ports: LoopPorts,
  noRoom?: NoRoom,
): Promise<StepResult> {
  if (answer.reply.ok) throw new Error('an answer that is there cannot fail its step')
  const outcome = noRoom ? outcomeOfNoRoom(noRoom, answer.reply.failure) : outcomeOf(answer.reply.failure)
  await ports.settle(outcome, state.unsaved, {
    step,
    config: configOf(state),
    usage: USAGE_NONE,
    withheld: keptTrial(state),
    error: outcome.error ?? errorOf(answer.reply.failure),
    times: { stepStartNs: ports.wallNs(), ...answer.times },
    trace: answer.reply.trace,
  })
  return { type: 'ended' }
}

/** How a model's failure ends a run. */
export function outcomeOf(failure: ModelFailure): Outcome {
  return { stopReason: MODEL_FAILURES[failure.kind].stopReason, error: errorOf(failure) }
}

function errorOf(failure: ModelFailure): RunError {
  return {
    errorType: MODEL_FAILURES[failure.kind].errorType,
    message: failure.message,
    detail: failure.detail,
    modelFailure: failure.kind,
  }
}

function outcomeOfNoRoom(noRoom: NoRoom, failure: ModelFailure): Outcome {
  switch (noRoom.type) {
    case 'system_prompt_too_large':
      return systemPromptTooLarge()
    case 'failed':
      return outcomeOf(noRoom.failure)
    case 'useless':
      return outcomeOf(failure)
  }
}

export function systemPromptTooLarge(): Outcome {
  const reason = 'context_window_overflow_in_system_prompt'
  return {
    stopReason: reason,
    error: {
      errorType: reason,
      message: 'The system prompt and the tools alone are larger than the context window of the model.',
      detail:
        'Shorten the system prompt or the memory blocks, detach tools, or choose a model with a larger window.',
      modelFailure: 'context_full',
    },
  }
}
