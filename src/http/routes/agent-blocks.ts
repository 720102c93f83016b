import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import { attachBlocks, detachBlocks, getAgentBlock, readAgentBlockPage } from '../../store/agent-blocks.ts'
import { readAgents } from '../../store/agent-list.ts'
import { withTags } from '../../store/agent-relations.ts'
import { getAgent } from '../../store/agents.ts'
import { saveBlock } from '../../store/blocks.ts'
import { showAgent, showAgents, wantedRelations } from '../agents/show-agents.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { AgentState, Memory } from '../schemas/agent.ts'
import { agentIncludes } from '../schemas/agent-query.ts'
import { id } from '../schemas/basics.ts'
import { Block, BlockUpdate } from '../schemas/block.ts'
import { paging, queryEnum } from '../schemas/query.ts'
import { decodeBlockChange, toWireBlock } from '../wire/block.ts'
import { versionOf } from './blocks.ts'

const HELD_LIMIT_DEFAULT = 100
const AGENTS_LIMIT_DEFAULT = 50

const agent = z.object({ agent_id: id('agent') })
const link = z.object({ agent_id: id('agent'), block_id: id('block') })
const labelled = z.object({ agent_id: id('agent'), block_label: z.string() })
const base = '/agents/{agent_id}/core-memory'
const ordered = { order_by: queryEnum(['created_at']) }

const memory = {
  method: 'get',
  path: base,
  operationId: 'retrieveAgentMemory',
  summary: "An agent's memory, whole",
  isDeprecated: true,
  params: agent,
  answer: Memory,
} as const

const list = {
  method: 'get',
  path: `${base}/blocks`,
  operationId: 'listCoreMemoryBlocks',
  summary: 'The blocks of an agent',
  params: agent,
  query: z.object({ ...paging, ...ordered }),
  answer: z.array(Block),
} as const

const retrieve = {
  method: 'get',
  path: `${base}/blocks/{block_label}`,
  operationId: 'retrieveCoreMemoryBlock',
  summary: 'A block of an agent, by its label',
  params: labelled,
  answer: Block,
} as const

const update = {
  method: 'patch',
  path: `${base}/blocks/{block_label}`,
  operationId: 'modifyCoreMemoryBlock',
  summary: 'Change a block of an agent, by its label',
  params: labelled,
  body: BlockUpdate,
  answer: Block,
} as const

const attach = {
  method: 'patch',
  path: `${base}/blocks/attach/{block_id}`,
  operationId: 'attachCoreMemoryBlock',
  summary: 'Give an agent a block',
  params: link,
  answer: AgentState,
} as const

const detach = {
  method: 'patch',
  path: `${base}/blocks/detach/{block_id}`,
  operationId: 'detachCoreMemoryBlock',
  summary: 'Take a block from an agent',
  params: link,
  answer: AgentState,
} as const

const holders = {
  method: 'get',
  path: '/blocks/{block_id}/agents',
  operationId: 'listAgentsForBlock',
  summary: 'The agents that have a block',
  params: z.object({ block_id: id('block') }),
  query: z.object({ ...paging, ...ordered, ...agentIncludes }),
  answer: z.array(AgentState),
} as const

export function agentBlockRoutes(deps: HttpDeps): Endpoint[] {
  const { db } = deps
  return [
    route(memory, async ({ params, actor, c }) => {
      return c.json((await showAgent(deps, actor, params.agent_id, new Set(['blocks']))).memory)
    }),
    route(list, async ({ params, query, actor, c }) => {
      const { organizationId } = actor
      await getAgent(db, organizationId, params.agent_id)
      const page = { ...query, limit: query.limit ?? HELD_LIMIT_DEFAULT, order: query.order ?? 'desc' }
      const rows = await readAgentBlockPage(db, organizationId, params.agent_id, page)
      return c.json((await withTags(db, organizationId, rows)).map(toWireBlock))
    }),
    route(retrieve, async ({ params, actor, c }) => {
      const row = await getAgentBlock(db, actor.organizationId, params.agent_id, params.block_label)
      return c.json((await withTags(db, actor.organizationId, [row])).map(toWireBlock)[0])
    }),
    route(update, async ({ params, body, actor, c }) => {
      const { organizationId } = actor
      const { id: blockId } = await getAgentBlock(db, organizationId, params.agent_id, params.block_label)
      const options = { tags: body.tags ?? undefined, version: versionOf(c) }
      const row = await saveBlock(db, actor, blockId, decodeBlockChange(body), options)
      return c.json((await withTags(db, organizationId, [row])).map(toWireBlock)[0])
    }),
    route(attach, async ({ params, actor, c }) => {
      await getAgent(db, actor.organizationId, params.agent_id)
      await attachBlocks(db, actor.organizationId, params.agent_id, [params.block_id])
      return c.json(await showAgent(deps, actor, params.agent_id))
    }),
    route(detach, async ({ params: { agent_id: agentId, block_id: blockId }, actor, c }) => {
      await getAgent(db, actor.organizationId, agentId)
      const count = await detachBlocks(db, actor.organizationId, agentId, { only: blockId })
      if (count === 0)
        throw new Fault('not_found', `No block with id '${blockId}' found for agent '${agentId}'`)
      return c.json(await showAgent(deps, actor, agentId))
    }),
    route(holders, async ({ params, query, actor, sdk, c }) => {
      const { before, after, limit = AGENTS_LIMIT_DEFAULT, order = 'desc' } = query
      const page = { before, after, limit, order, orderBy: 'created_at' as const }
      const filter = { blockId: params.block_id, showHidden: true }
      const rows = await readAgents(db, actor.organizationId, filter, page)
      return c.json(await showAgents(deps, rows, wantedRelations(query, sdk)))
    }),
  ]
}
