import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { HttpDeps } from './deps.ts'
import type { HttpEnv } from './route.ts'
import { type SendCommand, sendAndWait } from './send.ts'

/** Sends and answers with one JSON body. A caller that goes away ends nothing: the run goes on, and a retry finds it. */
export async function answerJson(
  deps: HttpDeps,
  c: Context<HttpEnv>,
  command: SendCommand,
): Promise<Response> {
  const { status, body } = await sendAndWait(deps, command, c.req.raw.signal)
  return c.json(body, status as ContentfulStatusCode)
}
