import type { HttpBindings } from '@hono/node-server'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { RunId } from '../domain/id.ts'
import type { HttpDeps } from './deps.ts'
import type { HttpEnv } from './route.ts'
import { type SendCommand, startSend, waitForAnswer } from './send.ts'

/** Sends and answers with one JSON body. A caller that goes away ends nothing: the run goes on, and a retry finds it. */
export async function answerJson(
  deps: HttpDeps,
  c: Context<HttpEnv>,
  command: SendCommand,
): Promise<Response> {
  const { runId } = await startSend(deps, command)
  const { status, body } = await waitForAnswer(deps, command.actor.organizationId, runId, c.req.raw.signal)
  noteWhenSent(deps, c, runId)
  return c.json(body, status as ContentfulStatusCode)
}

/** Remembers that the answer of a run went out whole, once it has: a repeat is no retry then. */
export function noteWhenSent(deps: HttpDeps, c: Context<HttpEnv>, runId: RunId): void {
  // Absent where the API is called without a socket.
  const { outgoing } = (c.env ?? {}) as Partial<HttpBindings>
  outgoing?.once('finish', () => deps.engine.deps.sent.add(runId))
}
