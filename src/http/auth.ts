import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import type { Actor } from '../domain/actor.ts'
import { Fault } from '../domain/fault.ts'
import { DEFAULT_ORGANIZATION, DEFAULT_USER, isId } from '../domain/id.ts'
import { findActor } from '../store/organizations.ts'
import type { Db } from '../store/schema.ts'

/** Anybody may ask whether the server is there. */
const OPEN_PATH = /^\/(v1|latest)\/(health|ready)\/?$/

/** Faults: unauthorized. */
export function checkPassword(c: Context, password: string | null): void {
  if (password === null || OPEN_PATH.test(c.req.path)) return
  const given = [`Bearer ${password}`, `password ${password}`]
  const sent = [c.req.header('authorization'), c.req.header('x-bare-password')]
  if (!sent.some((text, index) => text !== undefined && isSame(text, given[index] ?? ''))) {
    throw new Fault('unauthorized', 'Unauthorized')
  }
}

/** Takes as long for a wrong guess as for the right one. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

const DEFAULT_ACTOR: Actor = { organizationId: DEFAULT_ORGANIZATION, userId: DEFAULT_USER }

/** Who asks: the `user_id` header, else the default user. Faults: invalid_argument, not_found. */
export async function actorOf(c: Context, db: Db): Promise<Actor> {
  const userId = c.req.header('user_id')
  if (!userId || userId === DEFAULT_USER) return DEFAULT_ACTOR
  if (!isId('user', userId)) {
    throw new Fault('invalid_argument', `Invalid user ID format: ${userId}. Expected format: 'user-<uuid4>'`)
  }
  const actor = await findActor(db, userId)
  if (!actor) throw new Fault('not_found', `User not found with id='['${userId}']'`)
  return actor
}
