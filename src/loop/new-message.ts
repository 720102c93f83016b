import type { MessageId, StepId } from '../domain/id.ts'
import { type Message, type MessageBody, type MessageHead, newHead } from '../domain/message.ts'
import type { LoopPorts, LoopState } from './state.ts'

/** A message of this run. The order of messages is given when they are stored, not here. */
export function newMessage<Body extends MessageBody>(
  state: LoopState,
  ports: Pick<LoopPorts, 'timestamp'>,
  body: Body,
  head: { id?: MessageId; stepId: StepId | null; name?: string | null; model?: string | null },
): MessageHead & Body {
  return {
    ...newHead(ports.timestamp(), { runId: state.runId, ...head }),
    ...body,
  }
}

/** Messages with the run and the step that they now belong to. */
export function stamped(messages: Message[], state: LoopState, stepId: StepId): Message[] {
  return messages.map((message) => ({ ...message, runId: state.runId, stepId }))
}
