import { z } from '@hono/zod-openapi'
import { countAgents, readAgents } from '../../store/agent-list.ts'
import { removeAgent } from '../../worker/delete-scopes.ts'
import { createAgent } from '../agents/create-agent.ts'
import { showAgent, showAgents, wantedRelations } from '../agents/show-agents.ts'
import { changeAgent } from '../agents/update-agent.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { AgentState } from '../schemas/agent.ts'
import { CreateAgent, UpdateAgent } from '../schemas/agent-input.ts'
import {
  AgentFilterQuery,
  agentFilter,
  agentIncludes,
  agentOrder,
  asksForIdentities,
} from '../schemas/agent-query.ts'
import { id, MessageAnswer } from '../schemas/basics.ts'
import { paging } from '../schemas/query.ts'

const LIMIT_DEFAULT = 50

const list = {
  method: 'get',
  path: '/agents',
  operationId: 'listAgents',
  summary: 'Agents, newest first',
  query: z.object({ ...AgentFilterQuery.shape, ...agentIncludes, ...agentOrder, ...paging }),
  answer: z.array(AgentState),
} as const

const count = {
  method: 'get',
  path: '/agents/count',
  operationId: 'countAgents',
  summary: 'How many agents there are',
  query: AgentFilterQuery,
  answer: z.int(),
} as const

const create = {
  method: 'post',
  path: '/agents',
  operationId: 'createAgent',
  summary: 'Make an agent',
  body: CreateAgent,
  answer: AgentState,
} as const

const one = { path: '/agents/{agent_id}', params: z.object({ agent_id: id('agent') }) } as const

const retrieve = {
  ...one,
  method: 'get',
  operationId: 'retrieveAgent',
  summary: 'One agent',
  query: z.object(agentIncludes),
  answer: AgentState,
} as const

const update = {
  ...one,
  method: 'patch',
  operationId: 'modifyAgent',
  summary: 'Change an agent',
  body: UpdateAgent,
  answer: AgentState,
} as const

const remove = {
  ...one,
  method: 'delete',
  operationId: 'deleteAgent',
  summary: 'Delete an agent; what it is doing is cancelled',
  answer: MessageAnswer,
} as const

export function agentRoutes(deps: HttpDeps): Endpoint[] {
  return [
    route(list, async ({ query, actor, sdk, c }) => {
      if (asksForIdentities(query)) return c.json([])
      const { before, after, limit = LIMIT_DEFAULT, order = 'desc', order_by: orderBy = 'created_at' } = query
      const page = { before, after, limit, order, orderBy }
      const rows = await readAgents(deps.db, actor.organizationId, agentFilter(query), page)
      return c.json(await showAgents(deps, rows, wantedRelations(query, sdk)))
    }),
    route(count, async ({ query, actor, c }) => {
      if (asksForIdentities(query)) return c.json(0)
      return c.json(await countAgents(deps.db, actor.organizationId, agentFilter(query)))
    }),
    route(create, async ({ body, actor, projectId, c }) => {
      return c.json(await showAgent(deps, actor, await createAgent(deps, actor, body, projectId)))
    }),
    route(retrieve, async ({ params, query, actor, sdk, c }) => {
      return c.json(await showAgent(deps, actor, params.agent_id, wantedRelations(query, sdk)))
    }),
    route(update, async ({ params, body, actor, c }) => {
      await changeAgent(deps, actor, params.agent_id, body)
      return c.json(await showAgent(deps, actor, params.agent_id))
    }),
    route(remove, async ({ params: { agent_id: agentId }, actor, c }) => {
      const { engine } = deps
      await removeAgent({ ...engine.deps, db: deps.db }, engine.worker, actor, agentId)
      return c.json({ message: `Agent id=${agentId} successfully deleted` })
    }),
  ]
}
