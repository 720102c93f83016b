import type { Json, JsonObject } from '../../domain/json.ts'
import { itemsOf, objectOf, textOf } from './json.ts'

/** A streamed chat completion as the one object that the same call answers when it is not streamed. */
export function wholeCompletion(pieces: Json[]): Json {
  const chunks = pieces.map(objectOf)
  const [first] = chunks
  if (!first) return null
  const choices = chunks.flatMap((chunk) => itemsOf(chunk.choices).map(objectOf)).filter(isFirstChoice)
  return {
    ...first,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        finish_reason:
          choices.findLast((choice) => typeof choice.finish_reason === 'string')?.finish_reason ?? null,
        logprobs: choices.find((choice) => choice.logprobs)?.logprobs ?? null,
        message: messageOf(choices.map((choice) => objectOf(choice.delta))),
      },
    ],
    usage: chunks.findLast((chunk) => chunk.usage)?.usage ?? null,
  }
}

function isFirstChoice(choice: JsonObject): boolean {
  return (choice.index ?? 0) === 0
}

/** Texts grow, calls are put together by their index, everything else counts as it came last. */
function messageOf(deltas: JsonObject[]): JsonObject {
  const message: JsonObject = { role: 'assistant', content: null, refusal: null, annotations: [] }
  const calls = new Map<number, JsonObject>()
  for (const { tool_calls, role, ...delta } of deltas) {
    for (const [key, value] of Object.entries(delta)) {
      if (value === null || value === undefined) continue
      message[key] = typeof value === 'string' ? textOf(message[key]) + value : value
    }
    for (const call of itemsOf(tool_calls).map(objectOf)) addCall(calls, call)
  }
  return calls.size > 0 ? { ...message, tool_calls: [...calls.values()] } : message
}

function addCall(calls: Map<number, JsonObject>, { index, function: added, ...call }: JsonObject): void {
  const at = typeof index === 'number' ? index : calls.size
  const known = calls.get(at)
  const before = objectOf(known?.function)
  const now = objectOf(added)
  calls.set(at, {
    ...known,
    ...call,
    type: 'function',
    function: {
      name: textOf(before.name) || textOf(now.name),
      arguments: textOf(before.arguments) + textOf(now.arguments),
    },
  })
}
