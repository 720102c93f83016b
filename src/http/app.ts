import { OpenAPIHono } from '@hono/zod-openapi'
import type { Context, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import { actorOf, checkPassword } from './auth.ts'
import { cors } from './cors.ts'
import type { HttpDeps } from './deps.ts'
import { docsPage } from './docs-page.ts'
import { answerError } from './errors.ts'
import { type Endpoint, type HttpEnv, methodsAt, mount, type Trace } from './route.ts'
import { endpointsOf } from './routes/index.ts'
import { laterRoutes } from './routes/later.ts'

/** The whole API. Routes say what they need through `deps`; there are no globals behind them. */
export function createApp(deps: HttpDeps, further: Endpoint[] = []) {
  const present = [...endpointsOf(deps), ...further]
  const endpoints = [...present, ...laterRoutes(deps, present)]
  const app = new OpenAPIHono<HttpEnv>({ strict: false })
  app.use(timed(deps))
  app.use(cors(deps.settings.corsOrigins))
  app.use(async (c, next) => {
    checkPassword(c, deps.settings.password)
    await next()
  })
  app.use('/v1/*', refuseWhenStopping(deps))
  app.use('/v1/*', prepare(deps))
  app.use('/latest/*', prepare(deps))
  mount(app, endpoints)
  app.get('/metrics', async (c) => {
    const { contentType, text } = await deps.operations.metrics()
    return c.body(text, 200, { 'content-type': contentType })
  })
  app.get('/', (c) => c.redirect('/docs', 307))
  app.get('/docs', (c) => c.html(docsPage(endpoints)))
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'Perdure', version: deps.settings.version } })
  app.notFound((c) => {
    const allow = methodsAt(endpoints, c.req.path)
    if (allow.length === 0) return c.json({ detail: 'Not Found' }, 404)
    return c.json({ detail: 'Method Not Allowed' }, 405, { allow: allow.join(', ') })
  })
  app.onError((error, c) => answerError(error, c, deps.observe))
  return app
}

/** A stream counts as ended when its headers are sent: how long it lasts is told of its run. */
function timed(deps: HttpDeps): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    const start = performance.now()
    c.set('trace', traceOf(c.req.header('traceparent'), deps))
    await next()
    const ms = Math.round(performance.now() - start)
    const { method, path } = c.req
    const { status } = c.res
    deps.observe({
      type: 'request_ended',
      method,
      path,
      route: routeOf(c),
      status,
      ms,
      trace: c.get('trace'),
    })
  }
}

/** The caller's trace, by the W3C's header, or a new one. */
function traceOf(traceparent: string | undefined, { operations }: HttpDeps): Trace {
  const [, traceId, parentSpanId] =
    /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(traceparent ?? '') ?? []
  if (traceId && parentSpanId && /[^0]/.test(traceId) && /[^0]/.test(parentSpanId))
    return { traceId, parentSpanId }
  return { traceId: operations.newTraceId(), parentSpanId: null }
}

/** Paths that no route has are one: whoever tries them must not fill the metrics with names. */
function routeOf(c: Context): string {
  const path = routePath(c, -1)
  return path.includes('*') ? 'none' : path
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** A server that stops still answers who reads. What would change something goes to another server, or to the next one. */
function refuseWhenStopping({ operations }: HttpDeps): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (!operations.isStopping() || READS.has(c.req.method)) return next()
    return c.json({ detail: 'The server is stopping; try again in a moment.' }, 503, { 'retry-after': '1' })
  }
}

/**
 * What every route may count on: who asks, and how much may be sent. HEAD is no method of the API, though the router would
 * take it for GET.
 */
function prepare(deps: HttpDeps): MiddlewareHandler<HttpEnv> {
  return async (c, next) => {
    if (c.req.method === 'HEAD') return c.notFound()
    c.set('actor', await actorOf(c, deps.db))
    c.set('bodyBytesMax', deps.settings.bodyBytesMax)
    return next()
  }
}
