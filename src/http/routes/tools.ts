import { z } from '@hono/zod-openapi'
import { TOOL_TYPES } from '../../domain/tool.ts'
import { countTools, readTools, type ToolFilter } from '../../store/tool-list.ts'
import { deleteTool, getTool, saveBuiltInTools, updateTool } from '../../store/tools.ts'
import { addMissingTools } from '../add-missing-tools.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { id, NoAnswer } from '../schemas/basics.ts'
import { paging, queryBool, queryEnum, queryEnums, queryText, queryTexts } from '../schemas/query.ts'
import { Tool, ToolUpdate } from '../schemas/tool.ts'
import { decodeToolChange, toWireTool } from '../wire/tool.ts'

const LIMIT_DEFAULT = 50

const filterQuery = {
  name: queryText(),
  names: queryTexts(),
  tool_ids: queryTexts(),
  search: queryText(),
  tool_types: queryEnums(TOOL_TYPES),
  exclude_tool_types: queryEnums(TOOL_TYPES),
  return_only_letta_tools: queryBool(),
  exclude_letta_tools: queryBool(),
}
const FilterQuery = z.object(filterQuery)

const list = {
  method: 'get',
  path: '/tools',
  operationId: 'listTools',
  summary: 'Tools, newest first',
  query: z.object({ ...filterQuery, ...paging, order_by: queryEnum(['created_at']) }),
  answer: z.array(Tool),
} as const

const count = {
  method: 'get',
  path: '/tools/count',
  operationId: 'countTools',
  summary: 'How many tools there are',
  query: FilterQuery,
  answer: z.int(),
} as const

const addBase = {
  method: 'post',
  path: '/tools/add-base-tools',
  operationId: 'addBaseTools',
  summary: 'Bring the built-in tools to what this server has',
  answer: z.array(Tool),
} as const

const one = { path: '/tools/{tool_id}', params: z.object({ tool_id: id('tool') }) } as const

const retrieve = {
  ...one,
  method: 'get',
  operationId: 'retrieveTool',
  summary: 'One tool',
  answer: Tool,
} as const

const update = {
  ...one,
  method: 'patch',
  operationId: 'modifyTool',
  summary: 'Change a tool, for all agents that have it',
  body: ToolUpdate,
  answer: Tool,
} as const

const remove = {
  ...one,
  method: 'delete',
  operationId: 'deleteTool',
  summary: 'Delete a tool, and take it from all agents',
  answer: NoAnswer,
} as const

export function toolRoutes(deps: HttpDeps): Endpoint[] {
  const { db } = deps
  return [
    route(list, async ({ query, actor, c }) => {
      const { before, after, limit = LIMIT_DEFAULT, order = 'desc' } = query
      if (after === undefined) await addMissingTools(deps, actor)
      const page = { before, after, limit, order }
      return c.json((await readTools(db, actor.organizationId, filterOf(query), page)).map(toWireTool))
    }),
    route(count, async ({ query, actor, c }) => {
      return c.json(await countTools(db, actor.organizationId, filterOf(query)))
    }),
    route(addBase, async ({ actor, c }) => {
      await saveBuiltInTools(db, actor, deps.builtInTools)
      const filter = { names: deps.builtInTools.map(({ spec }) => spec.name), builtInOnly: true }
      const tools = await readTools(db, actor.organizationId, filter, { limit: 0, order: 'asc' })
      return c.json(tools.map(toWireTool))
    }),
    route(retrieve, async ({ params: { tool_id: toolId }, actor, c }) => {
      return c.json(toWireTool(await getTool(db, actor.organizationId, toolId)))
    }),
    route(update, async ({ params: { tool_id: toolId }, body, actor, c }) => {
      const tool = await getTool(db, actor.organizationId, toolId)
      const change = decodeToolChange(body, tool.tool_type !== 'custom')
      return c.json(toWireTool(await updateTool(db, actor, toolId, change)))
    }),
    route(remove, async ({ params: { tool_id: toolId }, actor, c }) => {
      await deleteTool(db, actor.organizationId, toolId)
      return c.json(null)
    }),
  ]
}

function filterOf(query: z.output<typeof FilterQuery>): ToolFilter {
  return {
    name: query.name,
    names: query.names,
    ids: query.tool_ids?.flatMap((ids) => ids.split(',')),
    search: query.search,
    types: query.tool_types,
    excludedTypes: query.exclude_tool_types,
    builtInOnly: query.return_only_letta_tools,
    excludeBuiltIn: query.exclude_letta_tools,
  }
}
