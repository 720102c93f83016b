import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Actor } from '../../domain/actor.ts'
import { Fault } from '../../domain/fault.ts'
import type { AgentId } from '../../domain/id.ts'
import type { ToolRule } from '../../domain/tool.ts'
import { attachTools, detachTools, readAgentToolPage } from '../../store/agent-tools.ts'
import { changeToolRules, getAgent } from '../../store/agents.ts'
import { getTool } from '../../store/tools.ts'
import { inTransaction } from '../../store/transaction.ts'
import { showAgent } from '../agents/show-agents.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { AgentState } from '../schemas/agent.ts'
import { id } from '../schemas/basics.ts'
import { paging, queryBool, queryEnum } from '../schemas/query.ts'
import { Tool } from '../schemas/tool.ts'
import type { SdkMode } from '../sdk-mode.ts'
import { toWireTool } from '../wire/tool.ts'

const LIMIT_DEFAULT = 10

const link = z.object({ agent_id: id('agent'), tool_id: id('tool') })
const base = '/agents/{agent_id}/tools'

const list = {
  method: 'get',
  path: base,
  operationId: 'listAgentTools',
  summary: 'The tools of an agent',
  params: z.object({ agent_id: id('agent') }),
  query: z.object({ ...paging, order_by: queryEnum(['created_at']) }),
  answer: z.array(Tool),
} as const

const attach = {
  method: 'patch',
  path: `${base}/attach/{tool_id}`,
  operationId: 'attachTool',
  summary: 'Give an agent a tool',
  params: link,
  answer: AgentState.nullable(),
} as const

const detach = {
  method: 'patch',
  path: `${base}/detach/{tool_id}`,
  operationId: 'detachTool',
  summary: 'Take a tool from an agent',
  params: link,
  answer: AgentState.nullable(),
} as const

/** The second name is the one that the official client 1.12.1 sends. */
const Approval = z.strictObject({
  requires_approval: z.boolean().optional(),
  body_requires_approval: z.boolean().optional(),
})

const approval = {
  method: 'patch',
  path: `${base}/approval/{tool_name}`,
  operationId: 'modifyToolApproval',
  summary: 'Say whether calls of a tool need an approval',
  params: z.object({ agent_id: id('agent'), tool_name: z.string() }),
  query: z.object({ requires_approval: queryBool() }),
  body: Approval.nullish(),
  answer: AgentState.nullable(),
} as const

export function agentToolRoutes(deps: HttpDeps): Endpoint[] {
  const { db } = deps
  return [
    route(list, async ({ params, query, actor, c }) => {
      await getAgent(db, actor.organizationId, params.agent_id)
      const page = { ...query, limit: query.limit ?? LIMIT_DEFAULT, order: query.order ?? 'desc' }
      return c.json(
        (await readAgentToolPage(db, actor.organizationId, params.agent_id, page)).map(toWireTool),
      )
    }),
    route(attach, async ({ params, actor, sdk, c }) => {
      await inTransaction(db, async (tx) => {
        const tool = await getTool(tx, actor.organizationId, params.tool_id)
        await changeToolRules(tx, actor, params.agent_id, (rules) =>
          tool.default_requires_approval ? withApproval(rules, tool.name) : rules,
        )
        await attachTools(tx, actor.organizationId, params.agent_id, [tool.id])
      })
      return answer(deps, c, actor, params.agent_id, sdk)
    }),
    route(detach, async ({ params, actor, sdk, c }) => {
      await getAgent(db, actor.organizationId, params.agent_id)
      await detachTools(db, actor.organizationId, params.agent_id, { only: params.tool_id })
      return answer(deps, c, actor, params.agent_id, sdk)
    }),
    route(approval, async ({ params, query, body, actor, sdk, c }) => {
      const isRequired = body?.requires_approval ?? body?.body_requires_approval ?? query.requires_approval
      if (isRequired === undefined) {
        const text = 'requires_approval must be provided either in request body or as query parameter'
        throw new Fault('unprocessable', text)
      }
      await inTransaction(db, (tx) =>
        changeToolRules(tx, actor, params.agent_id, (rules) =>
          isRequired ? withApproval(rules, params.tool_name) : withoutApproval(rules, params.tool_name),
        ),
      )
      return answer(deps, c, actor, params.agent_id, sdk)
    }),
  ]
}

function withApproval(rules: ToolRule[], tool: string): ToolRule[] {
  return [...withoutApproval(rules, tool), { type: 'requires_approval', tool_name: tool }]
}

function withoutApproval(rules: ToolRule[], tool: string): ToolRule[] {
  return rules.filter((rule) => rule.type !== 'requires_approval' || rule.tool_name !== tool)
}

/** Old clients are shown the agent, new ones ask for it when they want it. */
async function answer(
  deps: HttpDeps,
  c: Context,
  actor: Actor,
  id: AgentId,
  sdk: SdkMode,
): Promise<Response> {
  return c.json(sdk === 'current' ? null : await showAgent(deps, actor, id))
}
