import { halfBefore, type Message, toolCallsOf, withoutSystem } from '../domain/message.ts'
import type { PromptMessage } from '../domain/model.ts'
import { isSummary } from '../domain/view.ts'
import { PromptBuilder, type PromptOptions } from './prompt-builder.ts'

/**
 * Stored messages as any provider takes them, whatever happened to the history: the agent does not speak first, every
 * call has exactly one result right behind it, no result is without its call, no id is used twice, nothing is
 * empty. Pure; what is stored stays as it is. The system message in front is not part of it.
 */
export function toPrompt(context: Message[], options: PromptOptions): PromptMessage[] {
  const messages = withoutDeadThought(withoutOpenRequest(withoutSummarised(withoutSystem(context))))
  const builder = new PromptBuilder(options)
  for (const message of withJoinedHalves(messages)) builder.add(message)
  return builder.finish()
}

/**
 * A request with a summary right behind it was compacted away before anyone answered: the summary tells of
 * it. With a result to its calls further on it stays, because the result needs it.
 */
function withoutSummarised(messages: Message[]): Message[] {
  return messages.filter((message, index) => {
    const next = messages[index + 1]
    if (message.role !== 'approval_request' || !next || !isSummary(next)) return true
    const after = messages[index + 2]
    if (after && after.role !== 'approval_response') return true
    return isAnswered(message, messages.slice(index + 1))
  })
}

/**
 * A request at the very end that nobody has answered (only met when tokens are counted) is left out with its
 * half.
 */
function withoutOpenRequest(messages: Message[]): Message[] {
  if (messages.at(-1)?.role !== 'approval_request') return messages
  return messages.slice(0, halfBefore(messages, messages.length - 1) ? -2 : -1)
}

/** An answer at the very end that is only thinking would be taken for the start of the next one. */
function withoutDeadThought(messages: Message[]): Message[] {
  const last = messages.at(-1)
  if (last?.role !== 'assistant' || last.toolCalls.length > 0) return messages
  return last.content.some((part) => part.type === 'text') ? messages : messages.slice(0, -1)
}

/** An answer and the request for those of its calls that had to wait are two rows and one message. */
function withJoinedHalves(messages: Message[]): Message[] {
  return messages.flatMap((message, index) => {
    if (halfBefore(messages, index + 1)) return []
    const half = halfBefore(messages, index)
    if (!half || message.role !== 'approval_request') return [message]
    const content = [...half.content, ...message.content]
    return [{ ...half, content, toolCalls: [...half.toolCalls, ...message.toolCalls] }]
  })
}

function isAnswered(request: Message, later: Message[]): boolean {
  const ids = new Set(toolCallsOf(request).map((call) => call.id))
  return later.some(
    (message) => message.role === 'tool' && message.returns.some(({ callId }) => ids.has(callId)),
  )
}
