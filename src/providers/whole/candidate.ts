import type { Json, JsonObject } from '../../domain/json.ts'
import { itemsOf, objectOf, textOf } from './json.ts'

/** Google's pieces as the answer that the same call gives when it is not streamed. */
export function wholeCandidate(pieces: Json[]): Json {
  const chunks = pieces.map(objectOf)
  const last = chunks.at(-1)
  if (!last) return null
  const candidates = chunks.map((chunk) => objectOf(itemsOf(chunk.candidates)[0]))
  const parts = candidates.flatMap(({ content }) => itemsOf(objectOf(content).parts).map(objectOf))
  const candidate = Object.assign({}, ...candidates) as JsonObject
  return {
    ...(Object.assign({}, ...chunks) as JsonObject),
    candidates: [{ ...candidate, content: { parts: joined(parts), role: 'model' } }],
  }
}

/** Pieces of one text are one part; a signature ends it. */
function joined(parts: JsonObject[]): JsonObject[] {
  const whole: JsonObject[] = []
  for (const part of parts) {
    const last = whole.at(-1)
    if (last && isText(last) && isText(part) && last.thought === part.thought && !last.thoughtSignature) {
      whole[whole.length - 1] = { ...last, ...part, text: textOf(last.text) + textOf(part.text) }
    } else {
      whole.push(part)
    }
  }
  return whole
}

function isText(part: JsonObject): boolean {
  return typeof part.text === 'string'
}
