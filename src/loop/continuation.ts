import type { FinishReason } from '../domain/model.ts'
import type { StopReason } from '../domain/stop-reason.ts'

/** What happened to one call of a step. */
export type CallFate = 'ran' | 'ended_loop' | 'violated' | 'prefill_failed' | 'not_run' | 'answered'

export type StepFacts = {
  calls: CallFate[]
  /** The step paused for an approval or for the client. */
  paused: boolean
  finish: FinishReason
  /** Required tools that this turn has not called yet. */
  outstanding: string[]
  /** The model had to call a tool and did not. */
  forcedInVain: boolean
  /** The rules demand a call and leave none: the agent cannot go on by them. */
  starved: boolean
  /** After these calls the turn goes on, unless a rule ends it. False only for agents that must ask for that. */
  goesOn: boolean
  /** What the model is told when it goes on after its calls; null: it needs no word. */
  goOnText: string | null
  /** No further model call is allowed. */
  isLastStep: boolean
  /** Nudges already given in a row. */
  nudges: number
}

/** `nudge`: what the model is told, before it goes on or, of an end that it did not choose, in the next turn. */
export type Continuation =
  | { type: 'stop'; reason: StopReason; nudge: string | null }
  | { type: 'go_on'; nudge: string | null }

/** How often the model is reminded of a call that it owes before the turn ends without it. */
const NUDGES_MAX = 2
const NUDGE_PREFIX = '[This is an automated message from the server, hidden from the user]'

const STARVED = 'the tool rules demand a call now and allow none, so your response ended here.'

/** Whether the turn ends with this step, and why. The only place that decides it. */
export function decideContinuation(facts: StepFacts): Continuation {
  if (facts.paused) return stop('requires_approval')
  return facts.calls.length === 0 ? afterText(facts) : afterCalls(facts)
}

function afterText(facts: StepFacts): Continuation {
  const owes = facts.outstanding.length > 0
  if (owes && !facts.isLastStep && facts.nudges < NUDGES_MAX) {
    return goOn(
      `you have not called ${facts.outstanding.join(', ')} yet. Call it before you end your response.`,
    )
  }
  if (facts.finish === 'length') return stop('max_tokens_exceeded')
  if (facts.finish === 'paused') return facts.isLastStep ? stop('max_steps') : { type: 'go_on', nudge: null }
  if (facts.forcedInVain && facts.nudges < NUDGES_MAX && !facts.isLastStep)
    return goOn('you must call a tool now.')
  if (facts.forcedInVain) return stop('no_tool_call')
  if (facts.starved) return stop('invalid_tool_call', STARVED)
  return stop('end_turn')
}

function afterCalls(facts: StepFacts): Continuation {
  const owes = facts.outstanding.length > 0
  // Who did not ask to go on has ended its turn itself; the rule had nothing to end.
  if (facts.calls.includes('ended_loop') && !owes) return stop(facts.goesOn ? 'tool_rule' : 'end_turn')
  if (facts.calls.every((fate) => fate === 'prefill_failed')) return stop('invalid_tool_call')
  if (!facts.goesOn && !owes) return stop('end_turn')
  if (facts.isLastStep) return stop('max_steps')
  return facts.goOnText === null ? { type: 'go_on', nudge: null } : goOn(facts.goOnText)
}

function stop(reason: StopReason, text: string | null = null): Continuation {
  return { type: 'stop', reason, nudge: text === null ? null : nudgeOf(text) }
}

function goOn(text: string): Continuation {
  return { type: 'go_on', nudge: nudgeOf(text) }
}

function nudgeOf(text: string): string {
  return `${NUDGE_PREFIX} ${text}`
}
