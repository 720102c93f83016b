import { z } from '@hono/zod-openapi'
import { DEFAULT_USER } from '../../domain/id.ts'
import { createUser, deleteUser, readUsers, type UserRow, updateUser } from '../../store/organizations.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { id, Timestamp } from '../schemas/basics.ts'
import { queryInt, queryText } from '../schemas/query.ts'

const LIMIT_DEFAULT = 50

const User = z
  .object({
    id: z.string(),
    organization_id: z.string(),
    name: z.string(),
    created_at: Timestamp.nullable(),
    updated_at: Timestamp,
    is_deleted: z.boolean(),
  })
  .openapi('User')

const path = '/admin/users'

const list = {
  method: 'get',
  path,
  operationId: 'listUsers',
  summary: 'All users of the server',
  query: z.object({ after: queryText(), limit: queryInt({ min: 1 }) }),
  answer: z.array(User),
} as const

const create = {
  method: 'post',
  path,
  operationId: 'createUser',
  summary: 'Make a user',
  body: z.object({ name: z.string(), organization_id: id('org') }),
  answer: User,
} as const

const update = {
  method: 'put',
  path,
  operationId: 'updateUser',
  summary: 'Change a user',
  body: z.object({ id: id('user'), name: z.string().nullish(), organization_id: id('org').nullish() }),
  answer: User,
} as const

const remove = {
  method: 'delete',
  path,
  operationId: 'deleteUser',
  summary: 'Let a user ask no more',
  query: z.object({ user_id: id('user') }),
  answer: User,
} as const

/** Administration. Whoever has the server's password may do all of it. */
export function userRoutes({ db }: HttpDeps): Endpoint[] {
  return [
    route(list, async ({ query, c }) => {
      const rows = await readUsers(db, query.after ?? null, query.limit ?? LIMIT_DEFAULT)
      return c.json(rows.map(toWireUser))
    }),
    route(create, async ({ body, c }) => {
      return c.json(
        toWireUser(await createUser(db, { name: body.name, organizationId: body.organization_id })),
      )
    }),
    route(update, async ({ body, c }) => {
      const { id: userId, name, organization_id: organization } = body
      const change = { ...(name && { name }), ...(organization && { organization_id: organization }) }
      return c.json(toWireUser(await updateUser(db, userId, change)))
    }),
    route(remove, async ({ query, c }) => c.json(toWireUser(await deleteUser(db, query.user_id)))),
  ]
}

/** The user that comes with the server was not made by anybody, at any time. */
function toWireUser(row: UserRow): z.output<typeof User> {
  return { ...row, created_at: row.id === DEFAULT_USER ? null : row.created_at }
}
