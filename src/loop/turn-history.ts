import { packToolReturn } from '../domain/envelope.ts'
import type { Message, ToolReturn } from '../domain/message.ts'
import { isNudge, isSummary } from '../domain/view.ts'
import type { LoopState } from './state.ts'
import type { CalledTool } from './tool-rules.ts'

/**
 * The calls of this turn, oldest first. Read from the messages themselves, so an approval or a crash in between changes
 * nothing. Calls that a rule refused were not made.
 */
export function turnHistory(state: Pick<LoopState, 'calledBefore' | 'context'>): CalledTool[] {
  return [...state.calledBefore, ...callsIn(messagesOfTurn(state.context))]
}

/** The messages since somebody last said something to the agent. */
export function messagesOfTurn(messages: Message[]): Message[] {
  return messages.slice(lastInputIndex(messages) + 1)
}

/** Where somebody last said something to the agent: a user, or a system message behind the prompt. -1: nowhere. */
export function lastInputIndex(messages: Message[]): number {
  return messages.findLastIndex(
    (message, index) =>
      (message.role === 'user' && !isNudge(message) && !isSummary(message)) ||
      (message.role === 'system' && index > 0),
  )
}

export function callsIn(messages: Message[]): CalledTool[] {
  return messages
    .flatMap((message) => (message.role === 'tool' ? message.returns : []))
    .filter((result) => !isRefusal(result))
    .map((result) => ({ name: result.name ?? '', output: outputText(result) }))
}

function isRefusal(result: ToolReturn): boolean {
  return result.status === 'error' && outputText(result).startsWith('[ToolConstraintError]')
}

export function outputText(result: ToolReturn): string {
  const { output } = result
  if (typeof output === 'string') return output
  if (Array.isArray(output)) return output.map((part) => (part.type === 'text' ? part.text : '')).join('\n')
  return JSON.stringify(output)
}

/** Characters that a result adds to the context. */
export function returnChars(result: ToolReturn): number {
  return Array.isArray(result.output) ? outputText(result).length : packToolReturn(result).length
}
