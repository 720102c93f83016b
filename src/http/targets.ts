import { Fault } from '../domain/fault.ts'
import { isId, type OrganizationId } from '../domain/id.ts'
import type { Db } from '../store/schema.ts'
import { getAgentTarget, getConversationTarget, type Target } from '../store/scopes.ts'

/**
 * The conversation that a path names: its id, an agent's id (its default conversation), or `default` with the agent named
 * elsewhere. Faults: unprocessable for another shape, not_found.
 */
export async function targetOf(
  db: Db,
  organizationId: OrganizationId,
  name: string,
  agentId: string | null,
): Promise<Target> {
  if (isId('conv', name)) return getConversationTarget(db, organizationId, name)
  if (isId('agent', name)) return getAgentTarget(db, organizationId, name)
  if (name !== 'default') {
    const detail = `[{'type': 'string_pattern_mismatch', 'loc': ('path', 'conversation_id'), 'msg': "String should match pattern 'conv-{uuid4}', 'agent-{uuid4}' or 'default'", 'input': '${name.replaceAll("'", '')}'}]`
    throw new Fault('unprocessable', detail, {
      trace_id: '',
      examples: ['conv-123e4567-e89b-42d3-8456-426614174000'],
    })
  }
  if (agentId === null || !isId('agent', agentId))
    throw new Fault('not_found', "Conversation not found with id='['default']'")
  return getAgentTarget(db, organizationId, agentId)
}
