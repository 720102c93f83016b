import { z } from '@hono/zod-openapi'
import { countAgents } from '../../store/agent-list.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { queryBool } from '../schemas/query.ts'
import { agentBlockRoutes } from './agent-blocks.ts'
import { blockRoutes } from './blocks.ts'

const count = {
  method: 'get',
  path: '/_internal_agents/count',
  operationId: 'countAgentsInternal',
  summary: 'How many agents there are, hidden ones too if asked',
  query: z.object({ exclude_hidden: queryBool() }),
  answer: z.int(),
} as const

/** Operations that some clients know under a second address. */
const ALIASES: Record<string, string> = {
  modifyCoreMemoryBlock: '/_internal_agents/{agent_id}/core-memory/blocks/{block_label}',
  listBlocks: '/_internal_blocks',
  createBlock: '/_internal_blocks',
  deleteBlock: '/_internal_blocks/{block_id}',
  listAgentsForBlock: '/_internal_blocks/{block_id}/agents',
}

export function internalRoutes(deps: HttpDeps): Endpoint[] {
  return [
    route(count, async ({ query, actor, c }) => {
      const filter = { showHidden: query.exclude_hidden === false }
      return c.json(await countAgents(deps.db, actor.organizationId, filter))
    }),
    ...[...blockRoutes(deps), ...agentBlockRoutes(deps)].flatMap(aliasOf),
  ]
}

function aliasOf({ spec, handle }: Endpoint): Endpoint[] {
  const path = ALIASES[spec.operationId]
  return path ? [{ spec: { ...spec, path, operationId: `${spec.operationId}Internal` }, handle }] : []
}
