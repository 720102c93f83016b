import type { OpenAPIHono } from '@hono/zod-openapi'
import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Actor } from '../domain/actor.ts'
import type { Origin } from '../domain/turn.ts'
import { invalidRequest, type Misfit, type Place } from './invalid-request.ts'
import { cleanText, readBody } from './read-body.ts'
import { type SdkMode, sdkModeOf } from './sdk-mode.ts'

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'

/** What a route takes and gives. The API's document and the checks of every request are made from it. */
export type RouteSpec<Params extends z.ZodType, Query extends z.ZodType, Body extends z.ZodType> = {
  method: Method
  /** Below `/v1`, parameters in braces, without a slash at the end. */
  path: string
  operationId: string
  summary: string
  params?: Params
  query?: Query
  /** Wrap in `.nullish()` to let the body be absent. */
  body?: Body
  answer: z.ZodType
  /** Media type of the answer, where it is not JSON. */
  answerType?: string
  isDeprecated?: boolean
}

/** A request that fits its route. */
export type Asked<Params, Query, Body> = {
  params: Params
  query: Query
  body: Body
  actor: Actor
  /** `X-Project-Id`: the project of whatever is created. */
  projectId: string | null
  sdk: SdkMode
  c: Context<HttpEnv>
}

/** The trace that a request belongs to, and the caller's span in it. */
export type Trace = Pick<Origin, 'traceId' | 'parentSpanId'>

/** What the middleware leaves for the routes. */
export type HttpEnv = { Variables: { actor: Actor; bodyBytesMax: number; trace: Trace } }

export type Endpoint = {
  spec: RouteSpec<z.ZodType, z.ZodType, z.ZodType>
  handle(c: Context<HttpEnv>): Promise<Response>
}

type Nothing = z.ZodObject<Record<never, never>>

/** A route with its handler: parse, call, answer. */
export function route<
  Params extends z.ZodType = Nothing,
  Query extends z.ZodType = Nothing,
  Body extends z.ZodType = z.ZodUndefined,
>(
  spec: RouteSpec<Params, Query, Body>,
  answer: (asked: Asked<z.output<Params>, z.output<Query>, z.output<Body>>) => Promise<Response> | Response,
): Endpoint {
  return {
    spec,
    async handle(c) {
      const misfits: Misfit[] = []
      const params = checked(spec.params, paramsOf(c), 'path', misfits)
      const query = checked(spec.query, queryOf(c), 'query', misfits)
      const json = spec.body && (await readBody(c.req.raw, c.get('bodyBytesMax')))
      const body = checked(spec.body, json, 'body', misfits)
      if (misfits.length > 0) throw invalidRequest(misfits)
      return answer({
        // Each value has passed its schema, or has none and is not declared.
        params: params as z.output<Params>,
        query: query as z.output<Query>,
        body: body as z.output<Body>,
        actor: c.get('actor'),
        projectId: c.req.header('x-project-id') || null,
        sdk: sdkModeOf(c.req.raw.headers),
        c,
      })
    },
  }
}

function checked(schema: z.ZodType | undefined, input: unknown, place: Place, misfits: Misfit[]): unknown {
  if (!schema) return undefined
  const result = schema.safeParse(input)
  if (result.success) return result.data
  misfits.push(...result.error.issues.map((issue) => ({ place, issue, input })))
  return undefined
}

function paramsOf(c: Context): Record<string, string> {
  return Object.fromEntries(
    Object.entries(c.req.param()).map(([name, value]) => [name, cleanText(String(value))]),
  )
}

/** A name that comes once is a text, one that comes again is a list; the schemas know which they want. */
function queryOf(c: Context): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, texts]) => {
      const values = texts.map(cleanText)
      return [name, values.length === 1 ? (values[0] ?? '') : values]
    }),
  )
}

/** Where the old server had its routes: the second is the first under another name. */
const BASES = ['/v1', '/latest']

/** Serves the endpoints. Fixed segments win over parameters, so the order in which they are given does not matter. */
export function mount(app: OpenAPIHono<HttpEnv>, endpoints: Endpoint[]): void {
  for (const endpoint of endpoints.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1))) {
    const { method, path } = endpoint.spec
    for (const base of BASES) {
      app.on(method.toUpperCase(), base + path.replaceAll(/\{(\w+)\}/g, ':$1'), (c) => endpoint.handle(c))
    }
    app.openAPIRegistry.registerPath(documented(endpoint.spec))
  }
}

function sortKey({ spec }: Endpoint): string {
  return spec.path.replaceAll(/\{\w+\}/g, '~')
}

const ErrorBody = z.object({ detail: z.string() }).openapi('Error')

function documented({ query, ...spec }: Endpoint['spec']) {
  const content = { [spec.answerType ?? 'application/json']: { schema: spec.answer } }
  return {
    method: spec.method,
    path: `/v1${spec.path}`,
    operationId: spec.operationId,
    summary: spec.summary,
    tags: [spec.path.split('/')[1] ?? ''],
    ...(spec.isDeprecated && { deprecated: true }),
    request: {
      ...(spec.params instanceof z.ZodObject && { params: spec.params }),
      ...(query instanceof z.ZodObject && { query }),
      ...(spec.body && { body: { content: { 'application/json': { schema: spec.body } } } }),
    },
    responses: {
      200: { description: 'Done.', content },
      default: { description: 'Refused or failed.', content: { 'application/json': { schema: ErrorBody } } },
    },
  }
}

/** The methods that some endpoint offers at a path; empty for a path that none has. */
export function methodsAt(endpoints: Endpoint[], path: string): string[] {
  const bare = path.replace(/^\/(v1|latest)/, '').replace(/\/$/, '')
  if (bare === path) return []
  const found = endpoints.filter(({ spec }) => patternOf(spec.path).test(bare))
  return [...new Set(found.map(({ spec }) => spec.method.toUpperCase()))].toSorted()
}

function patternOf(path: string): RegExp {
  return new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}
