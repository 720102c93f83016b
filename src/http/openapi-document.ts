import { createApp } from './app.ts'
import type { HttpDeps } from './deps.ts'
import { engineEndpoints } from './engine-endpoints.ts'

/** The version that the document is of: the old server's, whose API this is. */
const VERSION = '0.16.8'

/** The API as a document, as text. The same that a running server gives at `/openapi.json`. */
export async function openApiDocument(): Promise<string> {
  // Routes are only described here, and none is called: only what every request asks is needed.
  const settings = { version: VERSION, corsOrigins: [], password: null }
  const operations = { newTraceId: () => '', isStopping: () => false }
  const deps = { settings, operations, observe: () => undefined } as unknown as HttpDeps
  const app = createApp(deps, engineEndpoints(deps))
  const answer = await app.request('/openapi.json')
  return `${JSON.stringify(await answer.json(), null, 2)}\n`
}
