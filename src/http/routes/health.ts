import { z } from '@hono/zod-openapi'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'

const Health = z.object({ version: z.string(), status: z.string() }).openapi('Health')

/** Whether the server is there, and which version of the API it speaks. Needs no password. */
export function healthRoutes(deps: HttpDeps): Endpoint[] {
  const { version } = deps.settings
  return [
    route(
      {
        method: 'get',
        path: '/health',
        operationId: 'health',
        summary: 'Whether the server runs',
        answer: Health,
      },
      ({ c }) => c.json({ version, status: 'ok' }),
    ),
    route(
      {
        method: 'get',
        path: '/ready',
        operationId: 'ready',
        summary: 'Whether the server takes work',
        answer: Health,
      },
      ({ c }) => {
        const status = deps.operations.readyState()
        return c.json({ version, status }, status === 'ok' ? 200 : 503)
      },
    ),
  ]
}
