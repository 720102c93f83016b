import type { Json } from '../../domain/json.ts'
import { objectOf } from './json.ts'

/** OpenAI's last event carries the whole response; a broken stream has the one that was begun. */
export function wholeResponse(pieces: Json[]): Json {
  return pieces.map(objectOf).findLast(({ response }) => response)?.response ?? null
}
