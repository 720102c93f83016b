import { z } from '@hono/zod-openapi'
import { readTags } from '../../store/tags.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { paging, queryEnum, queryText } from '../schemas/query.ts'

const LIMIT_DEFAULT = 50

const list = {
  method: 'get',
  path: '/tags',
  operationId: 'listTags',
  summary: 'The tags of agents and blocks, by name',
  query: z.object({
    ...paging,
    order_by: queryEnum(['name']),
    name: queryText(),
    query_text: queryText().openapi({ deprecated: true }),
  }),
  answer: z.array(z.string()),
} as const

export function tagRoutes(deps: HttpDeps): Endpoint[] {
  return [
    route(list, async ({ query, actor, c }) => {
      const { name, query_text: text, limit = LIMIT_DEFAULT, order = 'asc', ...bounds } = query
      const page = { ...bounds, limit, order }
      return c.json(await readTags(deps.db, actor.organizationId, name ?? text, page))
    }),
  ]
}
