import type { MiddlewareHandler } from 'hono'

const LOCAL_ORIGINS = [
  'http://letta.localhost',
  'http://localhost:8283',
  'http://localhost:8083',
  'http://localhost:3000',
  'http://localhost:4200',
  'https://app.letta.com',
]

const ALLOWED_METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT'
const PREFLIGHT_SECONDS = '600'

/** Lets the named web pages call the API with credentials. Its headers also stand on refusals. */
export function cors(origins: string[]): MiddlewareHandler {
  const allowed = new Set([...LOCAL_ORIGINS, ...origins])
  return async (c, next) => {
    const origin = c.req.header('origin')
    const isPreflight =
      c.req.method === 'OPTIONS' && c.req.header('access-control-request-method') !== undefined
    const isAllowed = origin !== undefined && (allowed.has(origin) || allowed.has('*'))
    if (isPreflight && !isAllowed) return c.text('Disallowed CORS origin', 400)
    if (isPreflight) {
      c.header('access-control-allow-methods', ALLOWED_METHODS)
      c.header('access-control-allow-headers', c.req.header('access-control-request-headers') ?? '*')
      c.header('access-control-max-age', PREFLIGHT_SECONDS)
    }
    if (isAllowed) {
      c.header('access-control-allow-origin', origin)
      c.header('access-control-allow-credentials', 'true')
    }
    c.header('vary', 'Origin')
    if (isPreflight) return c.text('OK')
    return next()
  }
}
