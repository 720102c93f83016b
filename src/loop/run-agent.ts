import { newId } from '../domain/id.ts'
import { answerApproval } from './answer-approval.ts'
import { endConcluded } from './compact-context.ts'
import type { LoopEvent, LoopPorts, LoopState, StepResult } from './state.ts'
import { takeStep } from './take-step.ts'

/**
 * Drives one run to its end: ask the model, run the tools that it asked for, save, repeat.
 *
 * Yields what can be shown while it happens. Everything that lasts goes through `ports.commit` and its like, one
 * transaction each: a crash repeats at most the model call in flight. Model and tool failures are values here; what is
 * thrown is a bug, or the driver's own ending (a lost lease).
 *
 * An aborted `signal` means that somebody else has ended the run or taken it over, and has written what there was to
 * write: the loop just stops.
 */
export async function* runAgent(
  start: LoopState,
  ports: LoopPorts,
  signal: AbortSignal,
): AsyncGenerator<LoopEvent, void> {
  const ended = new AbortController()
  let state = start
  let credit = ports.hasCredits(ended.signal)
  try {
    while (!signal.aborted) {
      const result: StepResult = yield* nextStep(state, ports, signal, async () => {
        const has = await credit
        // Asked for the step after this one while this one runs: who answers slowly slows nothing.
        credit = ports.hasCredits(ended.signal)
        return has
      })
      if (result.type !== 'next') return
      const picture = await ports.look()
      state = { ...result.state, ...picture }
    }
  } finally {
    ended.abort()
  }
}

async function* nextStep(
  state: LoopState,
  ports: LoopPorts,
  signal: AbortSignal,
  hasCredit: () => Promise<boolean>,
): AsyncGenerator<LoopEvent, StepResult> {
  if (state.concluded) return yield* endConcluded(state, state.concluded, ports, signal)
  if (state.answer) return yield* answerApproval(state, state.answer, ports, signal)
  if (state.stepsDone >= state.request.stepsMax) {
    await ports.settle({ stopReason: 'max_steps', error: null }, state.unsaved, null)
    return { type: 'ended' }
  }
  // An answer that the journal has was paid for.
  if (!state.step?.journal && !(await hasCredit())) {
    await ports.settle({ stopReason: 'insufficient_credits', error: null }, state.unsaved, null)
    return { type: 'ended' }
  }
  const step = state.step ?? { id: newId('step'), index: state.stepsDone, journal: null }
  return yield* takeStep(state, step, ports, signal)
}
