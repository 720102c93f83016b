import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import type { AgentId, IdPrefix } from '../../domain/id.ts'
import type { Json } from '../../domain/json.ts'
import { getAgent } from '../../store/agents.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, type Method, route } from '../route.ts'
import { AnyObject, id } from '../schemas/basics.ts'
import { paging } from '../schemas/query.ts'
import { LATER, type LaterRoute } from './later-table.ts'

/**
 * The routes that the old server had and this one does not have yet. They check what they are sent as they will later;
 * then, reading finds nothing, because there is nothing, and everything else is refused with the reason.
 */
export function laterRoutes(deps: HttpDeps, present: Endpoint[]): Endpoint[] {
  const taken = new Set(present.map(({ spec }) => keyOf(spec)))
  return LATER.filter((later) => !taken.has(keyOf(later))).map((later) => laterRoute(deps, later))
}

function keyOf({ method, path }: { method: string; path: string }): string {
  return `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`
}

function laterRoute(deps: HttpDeps, later: LaterRoute): Endpoint {
  const body = bodyOf(later)
  return route(
    {
      method: later.method,
      path: later.path,
      operationId: operationIdOf(later),
      summary: `${later.subject}: not available in this version`,
      params: paramsOf(later),
      query: z.object(later.answer === 'empty' ? paging : {}),
      ...(body && { body }),
      answer: z.unknown(),
    },
    async ({ params, actor, c }) => {
      const agentId = params.agent_id
      // The parameter has been checked to be one.
      if (agentId) await getAgent(deps.db, actor.organizationId, agentId as AgentId)
      return c.json(answerOf(later, params))
    },
  )
}

/** Faults: not_found, method_not_allowed, expired, not_implemented. */
function answerOf(later: LaterRoute, params: Record<string, string>): Json {
  switch (later.answer) {
    case 'empty':
      return []
    case 'zero':
      return 0
    case 'no_files':
      return { files: [], next_cursor: null, has_more: false }
    case 'no_map':
      return {}
    case 'missing':
      throw new Fault('not_found', `${later.noun} not found with id='['${namedIn(params)}']'`)
    case 'not_allowed':
      throw new Fault('method_not_allowed', `${later.subject} cannot be changed`)
    case 'ended':
      throw new Fault('expired', `${later.subject} are no longer available`)
    case 'refused':
      throw new Fault('not_implemented', `${later.subject} are not available in this version of Perdure`)
  }
}

/** The thing that is missing: the first that the path names, besides what it is to be attached to. */
function namedIn(params: Record<string, string>): string {
  return Object.entries(params).find(([name]) => name !== 'agent_id' && name !== 'block_id')?.[1] ?? ''
}

/** Which kind of id a parameter is; the others are any text. */
const PREFIXES: Record<string, IdPrefix> = {
  agent_id: 'agent',
  archive_id: 'archive',
  block_id: 'block',
  file_id: 'file',
  folder_id: 'source',
  group_id: 'group',
  identity_id: 'identity',
  memory_id: 'passage',
  message_id: 'message',
  passage_id: 'passage',
  provider_id: 'provider',
  source_id: 'source',
}

function paramsOf({ path }: LaterRoute) {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '')
  const schemas = names.map((name): [string, z.ZodType<string>] => {
    const prefix = PREFIXES[name]
    return [name, prefix ? id(prefix) : z.string()]
  })
  return z.object(Object.fromEntries(schemas))
}

const WITH_BODY: ReadonlySet<Method> = new Set(['post', 'put', 'patch'])

function bodyOf(later: LaterRoute): z.ZodType | undefined {
  if (!WITH_BODY.has(later.method) || later.upload) return undefined
  return later.needs ? z.object(later.needs) : AnyObject.nullish()
}

/** `post /archives/{archive_id}/passages` → `postArchivesByArchiveIdPassages`. */
function operationIdOf({ method, path }: LaterRoute): string {
  const words = path.replaceAll('{', 'by_').split(/[^a-zA-Z0-9]+/)
  return method + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('')
}
