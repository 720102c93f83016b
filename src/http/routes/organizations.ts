import { z } from '@hono/zod-openapi'
import {
  createOrganization,
  deleteOrganization,
  readOrganizations,
  updateOrganization,
} from '../../store/organizations.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { id, Timestamp } from '../schemas/basics.ts'
import { queryInt, queryText } from '../schemas/query.ts'

const LIMIT_DEFAULT = 50

const Organization = z
  .object({ id: z.string(), name: z.string(), created_at: Timestamp, privileged_tools: z.boolean() })
  .openapi('Organization')

const named = z.object({ org_id: id('org') })
const path = '/admin/orgs'

const list = {
  method: 'get',
  path,
  operationId: 'listOrganizations',
  summary: 'All organisations of the server',
  query: z.object({ after: queryText(), limit: queryInt({ min: 1 }) }),
  answer: z.array(Organization),
} as const

const create = {
  method: 'post',
  path,
  operationId: 'createOrganization',
  summary: 'Make an organisation',
  body: z.object({ name: z.string().default('Organization'), privileged_tools: z.boolean().default(false) }),
  answer: Organization,
} as const

const update = {
  method: 'patch',
  path,
  operationId: 'updateOrganization',
  summary: 'Change an organisation',
  query: named,
  body: z.object({ name: z.string().nullish(), privileged_tools: z.boolean().nullish() }),
  answer: Organization,
} as const

const remove = {
  method: 'delete',
  path,
  operationId: 'deleteOrganization',
  summary: 'Delete an organisation that nothing belongs to',
  query: named,
  answer: Organization,
} as const

/** Administration. Whoever has the server's password may do all of it. */
export function organizationRoutes({ db }: HttpDeps): Endpoint[] {
  return [
    route(list, async ({ query, c }) => {
      return c.json(await readOrganizations(db, query.after ?? null, query.limit ?? LIMIT_DEFAULT))
    }),
    route(create, async ({ body, c }) => {
      return c.json(await createOrganization(db, { name: body.name, privilegedTools: body.privileged_tools }))
    }),
    route(update, async ({ query, body, c }) => {
      const { name, privileged_tools: privileged } = body
      const change = {
        ...(typeof name === 'string' && { name }),
        ...(typeof privileged === 'boolean' && { privileged_tools: privileged }),
      }
      return c.json(await updateOrganization(db, query.org_id, change))
    }),
    route(remove, async ({ query, c }) => c.json(await deleteOrganization(db, query.org_id))),
  ]
}
