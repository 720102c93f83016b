import type { Frame } from '../domain/frame.ts'
import type { Message } from '../domain/message.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { isNudge, isOutput, viewOptionsOf, viewsOf } from '../domain/view.ts'

/**
 * What a stream shows of messages that have just been stored. Whoever asked for tokens has seen the agent's own messages
 * piece by piece; only results come whole.
 */
export function framesOf(messages: Message[], request: TurnRequest): Frame[] {
  const shown = messages.filter((message) => isOutput(message) && !isNudge(message))
  const whole = request.streamTokens ? shown.filter((message) => message.role === 'tool') : shown
  return viewsOf(whole, viewOptionsOf(request)).map((view) => ({ kind: 'message', view }))
}
