import { z } from '@hono/zod-openapi'
import { getAgentTarget } from '../../store/scopes.ts'
import { resetContext } from '../../worker/scope-acts.ts'
import { saveDefaultMessages } from '../agents/first-messages.ts'
import { showAgent } from '../agents/show-agents.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { AgentState } from '../schemas/agent.ts'
import { id } from '../schemas/basics.ts'

const reset = {
  method: 'patch',
  path: '/agents/{agent_id}/reset-messages',
  operationId: 'resetMessages',
  summary: "Take everything but the system message out of an agent's context",
  params: z.object({ agent_id: id('agent') }),
  body: z.object({ add_default_initial_messages: z.boolean().default(false) }).nullish(),
  answer: AgentState,
} as const

export function resetRoutes(deps: HttpDeps): Endpoint[] {
  return [
    route(reset, async ({ params: { agent_id: agentId }, body, actor, c }) => {
      const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
      const owner = { ...target, organizationId: actor.organizationId }
      const waiting = await resetContext(deps.db, owner)
      if (waiting) deps.engine.worker.driveNext({ ...owner, runId: waiting })
      if (body?.add_default_initial_messages) await saveDefaultMessages(deps.db, owner)
      return c.json(await showAgent(deps, actor, agentId))
    }),
  ]
}
