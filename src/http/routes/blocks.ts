import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Fault } from '../../domain/fault.ts'
import { newId } from '../../domain/id.ts'
import { withTags } from '../../store/agent-relations.ts'
import { type BlockFilter, countBlocks, readBlocks } from '../../store/block-list.ts'
import { type BlockRow, createBlock, deleteBlock, getBlock, saveBlock } from '../../store/blocks.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { id, NoAnswer } from '../schemas/basics.ts'
import { Block, BlockUpdate, CreateBlock } from '../schemas/block.ts'
import { paging, queryBool, queryEnum, queryInt, queryInts, queryText, queryTexts } from '../schemas/query.ts'
import { decodeBlockChange, decodeNewBlock, toWireBlock } from '../wire/block.ts'

const LIMIT_DEFAULT = 50

const params = z.object({ block_id: id('block') })

const filterQuery = {
  label: queryText(),
  templates_only: queryBool(),
  name: queryText(),
  identity_id: queryText(),
  identifier_keys: queryTexts(),
  project_id: queryText(),
  tags: queryTexts(),
  match_all_tags: queryBool(),
  label_search: queryText(),
  description_search: queryText(),
  value_search: queryText(),
  connected_to_agents_count_gt: queryInt(),
  connected_to_agents_count_lt: queryInt(),
  connected_to_agents_count_eq: queryInts(),
  show_hidden_blocks: queryBool(),
}
const FilterQuery = z.object(filterQuery)

const list = {
  method: 'get',
  path: '/blocks',
  operationId: 'listBlocks',
  summary: 'Blocks, oldest first',
  query: z.object({ ...filterQuery, ...paging, order_by: queryEnum(['created_at']) }),
  answer: z.array(Block),
} as const

const count = {
  method: 'get',
  path: '/blocks/count',
  operationId: 'countBlocks',
  summary: 'How many blocks there are',
  query: FilterQuery,
  answer: z.int(),
} as const

const create = {
  method: 'post',
  path: '/blocks',
  operationId: 'createBlock',
  summary: 'Make a block',
  body: CreateBlock,
  answer: Block,
} as const

const one = { path: '/blocks/{block_id}', params } as const

const retrieve = {
  ...one,
  method: 'get',
  operationId: 'retrieveBlock',
  summary: 'One block',
  answer: Block,
} as const

const update = {
  ...one,
  method: 'patch',
  operationId: 'modifyBlock',
  summary: 'Change a block, for all agents that have it',
  body: BlockUpdate,
  answer: Block,
} as const

const remove = {
  ...one,
  method: 'delete',
  operationId: 'deleteBlock',
  summary: 'Delete a block, and take it from all agents',
  answer: NoAnswer,
} as const

export function blockRoutes({ db }: HttpDeps): Endpoint[] {
  const shown = async (row: BlockRow) => {
    const [block] = await withTags(db, row.organization_id, [row])
    return toWireBlock(block ?? { ...row, tags: [] })
  }
  return [
    route(list, async ({ query, actor, c }) => {
      if (asksForIdentities(query)) return c.json([])
      const { before, after, limit = LIMIT_DEFAULT, order = 'asc' } = query
      const page = { before, after, limit, order }
      const rows = await readBlocks(db, actor.organizationId, filterOf(query), page)
      return c.json((await withTags(db, actor.organizationId, rows)).map(toWireBlock))
    }),
    route(count, async ({ query, actor, c }) => {
      if (asksForIdentities(query)) return c.json(0)
      return c.json(await countBlocks(db, actor.organizationId, filterOf(query)))
    }),
    route(create, async ({ body, actor, projectId, c }) => {
      return c.json(
        await shown(await createBlock(db, actor, decodeNewBlock(body, newId('block'), projectId))),
      )
    }),
    route(retrieve, async ({ params: { block_id: blockId }, actor, c }) => {
      return c.json(await shown(await getBlock(db, actor.organizationId, blockId)))
    }),
    route(update, async ({ params: { block_id: blockId }, body, actor, c }) => {
      const options = { tags: body.tags ?? undefined, version: versionOf(c) }
      return c.json(await shown(await saveBlock(db, actor, blockId, decodeBlockChange(body), options)))
    }),
    route(remove, async ({ params: { block_id: blockId }, actor, c }) => {
      await deleteBlock(db, actor.organizationId, blockId)
      return c.json(null)
    }),
  ]
}

/** Nothing belongs to an identity yet. */
function asksForIdentities(query: z.output<typeof FilterQuery>): boolean {
  return query.identity_id !== undefined || (query.identifier_keys ?? []).length > 0
}

function filterOf(query: z.output<typeof FilterQuery>): BlockFilter {
  return {
    label: query.label,
    templatesOnly: query.templates_only ?? false,
    templateName: query.name,
    projectId: query.project_id,
    tags: query.tags,
    matchAllTags: query.match_all_tags,
    labelSearch: query.label_search,
    descriptionSearch: query.description_search,
    valueSearch: query.value_search,
    agentsMoreThan: query.connected_to_agents_count_gt,
    agentsLessThan: query.connected_to_agents_count_lt,
    agentsExactly: query.connected_to_agents_count_eq,
    showHidden: query.show_hidden_blocks,
  }
}

/** The version that a block must have to be written over. Faults: bad_request for one that is no number. */
export function versionOf(c: Context): number | undefined {
  const text = c.req.header('if-match')?.replaceAll('"', '')
  if (text === undefined || text === '*') return undefined
  if (!/^\d{1,15}$/.test(text)) throw new Fault('bad_request', "If-Match takes a block's version, a number")
  return Number(text)
}
