import type { Json, JsonObject } from '../../domain/json.ts'
import { objectOf, textOf } from './json.ts'

/** Anthropic's events as the message that the same call answers when it is not streamed. */
export function wholeMessage(pieces: Json[]): Json {
  let message: JsonObject = {}
  const blocks: JsonObject[] = []
  for (const event of pieces.map(objectOf)) {
    const at = typeof event.index === 'number' ? event.index : 0
    switch (event.type) {
      case 'message_start':
        message = objectOf(event.message)
        break
      case 'content_block_start':
        blocks[at] = objectOf(event.content_block)
        break
      case 'content_block_delta':
        blocks[at] = grown(blocks[at] ?? {}, objectOf(event.delta))
        break
      case 'message_delta':
        message = {
          ...message,
          ...objectOf(event.delta),
          usage: { ...objectOf(message.usage), ...objectOf(event.usage) },
        }
    }
  }
  return { ...message, content: blocks.map(withInput) }
}

function grown(block: JsonObject, delta: JsonObject): JsonObject {
  const grow = (key: string, by: Json | undefined) => ({ ...block, [key]: textOf(block[key]) + textOf(by) })
  switch (delta.type) {
    case 'text_delta':
      return grow('text', delta.text)
    case 'thinking_delta':
      return grow('thinking', delta.thinking)
    case 'signature_delta':
      return grow('signature', delta.signature)
    case 'input_json_delta':
      return grow(INPUT_TEXT, delta.partial_json)
    default:
      return block
  }
}

/** Holds a call's input while it is text. */
const INPUT_TEXT = 'partial_json'

/** A call that was cut keeps the text that came. */
function withInput({ [INPUT_TEXT]: text, ...block }: JsonObject): JsonObject {
  if (text === undefined) return block
  try {
    return { ...block, input: JSON.parse(textOf(text)) as Json }
  } catch {
    return { ...block, input: text }
  }
}
