import { z } from '@hono/zod-openapi'
import type { CompactionSettings } from '../../domain/agent.ts'
import { isId, type OrganizationId } from '../../domain/id.ts'
import type { JsonObject } from '../../domain/json.ts'
import { getAgentTarget, getConversationTarget, type Target } from '../../store/scopes.ts'
import { compactScope } from '../../worker/compact-scope.ts'
import { overviewOf } from '../../worker/context-overview.ts'
import { modelFor } from '../../worker/request-model.ts'
import { recompile } from '../../worker/scope-acts.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { id, ShownObject } from '../schemas/basics.ts'
import { CompactionSettingsInput } from '../schemas/compaction-settings.ts'
import { queryBool, queryText } from '../schemas/query.ts'
import { targetOf } from '../targets.ts'
import { toWireOverview } from '../wire/overview.ts'

const params = z.object({ agent_id: id('agent') })

const compactBody = z
  .object({ agent_id: z.string().nullish(), compaction_settings: CompactionSettingsInput.nullish() })
  .nullish()

/** What an agent has in view: shown, compiled anew, and compacted on request. */
export function contextRoutes(deps: HttpDeps): Endpoint[] {
  return [
    overview(deps),
    recompileAgent(deps, '/agents/{agent_id}/recompile', 'recompileAgent'),
    recompileAgent(deps, '/agents/{agent_id}/system-prompt/recompile', 'recompileAgentSystemPrompt'),
    summarize(deps),
    compact(deps),
  ]
}

function overview(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/agents/{agent_id}/context',
      operationId: 'retrieveAgentContextWindow',
      summary: 'What the context of an agent is made of, with token counts',
      isDeprecated: true,
      params,
      query: z.object({ conversation_id: queryText() }),
      answer: ShownObject,
    },
    async ({ params: { agent_id: agentId }, query, actor, c }) => {
      const named = query.conversation_id ?? ''
      const target = isId('conv', named)
        ? await getConversationTarget(deps.db, actor.organizationId, named)
        : await getAgentTarget(deps.db, actor.organizationId, agentId)
      return c.json(toWireOverview(await overviewOf(deps.db, actor.organizationId, target), target))
    },
  )
}

function recompileAgent(deps: HttpDeps, path: string, operationId: string): Endpoint {
  return route(
    {
      method: 'post',
      path,
      operationId,
      summary: 'Compile the system prompt of an agent anew and show it',
      params,
      query: z.object({ update_timestamp: queryBool(), dry_run: queryBool() }),
      answer: z.string(),
    },
    async ({ params: { agent_id: agentId }, query, actor, c }) => {
      const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
      const name = { ...target, organizationId: actor.organizationId }
      return c.json(await recompile(deps.db, name, query.dry_run ?? false))
    },
  )
}

function summarize(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/agents/{agent_id}/summarize',
      operationId: 'summarizeMessages',
      summary: 'Compact the default conversation of an agent',
      params,
      body: compactBody,
      answer: ShownObject,
    },
    async ({ params: { agent_id: agentId }, body, actor, c }) => {
      const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
      const settings = settingsOf(body?.compaction_settings)
      return c.json(await compactByHand(deps, actor.organizationId, target, settings))
    },
  )
}

function compact(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations/{conversation_id}/compact',
      operationId: 'compactConversation',
      summary: 'Compact a conversation',
      params: z.object({ conversation_id: z.string() }),
      query: z.object({ agent_id: queryText() }),
      body: compactBody,
      answer: ShownObject,
    },
    async ({ params: asked, query, body, actor, c }) => {
      const agentId = body?.agent_id ?? query.agent_id ?? null
      const target = await targetOf(deps.db, actor.organizationId, asked.conversation_id, agentId)
      const settings = settingsOf(body?.compaction_settings)
      return c.json(await compactByHand(deps, actor.organizationId, target, settings))
    },
  )
}

async function compactByHand(
  deps: HttpDeps,
  organizationId: OrganizationId,
  target: Target,
  settings: Partial<CompactionSettings>,
): Promise<JsonObject> {
  const overrideModel = await modelFor(deps, target, null)
  const asked = { organizationId, target, overrideModel, settings }
  return toWire(await compactScope(deps.db, deps.catalog, asked))
}

/** Only what was said counts; absent members are the agent's own. */
function settingsOf(given: CompactionSettingsInput | null | undefined): Partial<CompactionSettings> {
  const said = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(said) as Partial<CompactionSettings>
}

function toWire(result: { summary: string; before: number; after: number }) {
  return { summary: result.summary, num_messages_before: result.before, num_messages_after: result.after }
}
