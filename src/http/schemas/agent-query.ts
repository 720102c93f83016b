import { z } from '@hono/zod-openapi'
import type { AgentFilter } from '../../store/agent-list.ts'
import { AGENT_INCLUDES, STOP_REASON_NAMES } from './agent.ts'
import { queryBool, queryEnum, queryEnums, queryText, queryTexts } from './query.ts'

/** Which agents are meant. */
export const AgentFilterQuery = z.object({
  name: queryText(),
  tags: queryTexts(),
  match_all_tags: queryBool(),
  query_text: queryText(),
  project_id: queryText(),
  template_id: queryText(),
  base_template_id: queryText(),
  identity_id: queryText(),
  identifier_keys: queryTexts(),
  last_stop_reason: queryEnum(STOP_REASON_NAMES),
  created_by_id: queryText(),
  show_hidden_agents: queryBool(),
})
type AgentFilterQuery = z.output<typeof AgentFilterQuery>

/** What of an agent is wanted, in the words of new and of old clients. */
export const agentIncludes = {
  include: queryEnums(AGENT_INCLUDES),
  include_relationships: queryTexts().openapi({ deprecated: true }),
}

export const agentOrder = { order_by: queryEnum(['created_at', 'updated_at', 'last_run_completion']) }

export function agentFilter(query: AgentFilterQuery): AgentFilter {
  return {
    name: query.name,
    queryText: query.query_text,
    tags: query.tags,
    matchAllTags: query.match_all_tags,
    projectId: query.project_id,
    templateId: query.template_id,
    baseTemplateId: query.base_template_id,
    lastStopReason: query.last_stop_reason,
    createdById: query.created_by_id,
    showHidden: query.show_hidden_agents,
  }
}

/** Nothing belongs to an identity yet. */
export function asksForIdentities(query: Pick<AgentFilterQuery, 'identity_id' | 'identifier_keys'>): boolean {
  return query.identity_id !== undefined || (query.identifier_keys ?? []).length > 0
}
