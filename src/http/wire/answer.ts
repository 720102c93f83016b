import type { JsonObject } from '../../domain/json.ts'
import type { Run } from '../../domain/run.ts'
import type { RunAnswer } from '../../worker/run-answer.ts'
import { toWireUsage } from './frame.ts'
import { toWireMessage } from './message.ts'

/** What a caller gets who waited for the whole answer, and what a callback carries as `result`. */
export function toWireAnswer(run: Run, answer: RunAnswer): JsonObject {
  return {
    messages: answer.views.map((view) => toWireMessage(view, null)),
    stop_reason: { message_type: 'stop_reason', stop_reason: run.stopReason },
    usage: toWireUsage(answer.usage),
    logprobs: null,
    turns: null,
  }
}
