import { unpack } from './envelope.ts'
import type { ViewBody } from './frame.ts'
import type { AssistantPart, ToolCall } from './message.ts'

/** Stands between the pieces of a summary of thoughts. */
export const SUMMARY_GAP = '\n\n'

/** What a model said, as views. Neighbouring parts of one kind are one view; the order of kinds stays. */
export function answerBodies(
  parts: AssistantPart[],
  textIs: 'assistant_message' | 'reasoning_message',
): ViewBody[] {
  const bodies: ViewBody[] = []
  for (const part of parts) {
    const body = bodyOfPart(part, textIs)
    if (body && !joined(bodies.at(-1), body)) bodies.push(body)
  }
  return bodies
}

/** The calls of an answer: one view for all, or around the folded ones, which look like answers. */
export function callBodies(calls: ToolCall[], folded: { name: string; argument: string } | null): ViewBody[] {
  const bodies: ViewBody[] = []
  for (const call of calls) {
    const answer = folded?.name === call.name ? argumentOf(call, folded.argument) : undefined
    const last = bodies.at(-1)
    if (answer !== undefined) bodies.push({ type: 'assistant_message', content: answer, signature: null })
    else if (last?.type === 'tool_call_message') last.toolCalls.push(call)
    else bodies.push({ type: 'tool_call_message', toolCalls: [call] })
  }
  return bodies
}

/**
 * Adds a view to the one before it, when both are pieces of one text. Both are made here, so changing them is
 * safe.
 */
function joined(last: ViewBody | undefined, next: ViewBody): boolean {
  if (last?.type === 'assistant_message' && next.type === 'assistant_message') {
    last.content += next.content
    last.signature ??= next.signature
    return true
  }
  if (
    last?.type === 'reasoning_message' &&
    next.type === 'reasoning_message' &&
    last.source === next.source
  ) {
    last.reasoning += next.reasoning
    last.signature ??= next.signature
    return true
  }
  return false
}

/** Undefined: the part has nothing to show. */
function bodyOfPart(
  part: AssistantPart,
  textIs: 'assistant_message' | 'reasoning_message',
): ViewBody | undefined {
  switch (part.type) {
    case 'text':
      if (part.text === '') return undefined
      return textIs === 'assistant_message'
        ? { type: textIs, content: part.text, signature: part.signature ?? null }
        : { type: textIs, source: 'non_reasoner_model', reasoning: part.text, signature: null }
    case 'reasoning':
      return {
        type: 'reasoning_message',
        source: part.isNative ? 'reasoner_model' : 'non_reasoner_model',
        reasoning: part.reasoning,
        signature: part.signature ?? null,
      }
    case 'summarized_reasoning': {
      const reasoning = part.summary.join(SUMMARY_GAP)
      if (reasoning === '') return undefined
      return { type: 'reasoning_message', source: 'reasoner_model', reasoning, signature: null }
    }
    case 'redacted_reasoning':
      return { type: 'hidden_reasoning_message', state: 'redacted', hiddenReasoning: part.data }
    case 'omitted_reasoning':
      return { type: 'hidden_reasoning_message', state: 'omitted', hiddenReasoning: null }
  }
}

function argumentOf(call: ToolCall, argument: string): string | undefined {
  const value = unpack(call.arguments)?.[argument]
  if (value === undefined) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}
