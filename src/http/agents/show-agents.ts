import type { Actor } from '../../domain/actor.ts'
import type { AgentId } from '../../domain/id.ts'
import { RELATIONS, type Relation, readRelations } from '../../store/agent-relations.ts'
import { type AgentRow, getAgent } from '../../store/agents.ts'
import type { HttpDeps } from '../deps.ts'
import type { AgentInclude, AgentState } from '../schemas/agent.ts'
import type { SdkMode } from '../sdk-mode.ts'
import { toWireAgent } from '../wire/agent.ts'

const ALL: ReadonlySet<Relation> = new Set(RELATIONS)

/** What each name of a relation brings; names of what is not there yet bring nothing. */
const BY_INCLUDE: Record<AgentInclude, Relation[]> = {
  'agent.blocks': ['blocks', 'tags'],
  'agent.identities': [],
  'agent.managed_group': ['managedGroup'],
  'agent.pending_approval': ['pendingApproval'],
  'agent.secrets': ['secrets'],
  'agent.sources': [],
  'agent.tags': ['tags'],
  'agent.tools': ['tools'],
}

/** The same in the words of older clients. */
const BY_OLD_NAME: Record<string, Relation[]> = {
  tools: ['tools'],
  multi_agent_group: ['managedGroup'],
  managed_group: ['managedGroup'],
  memory: ['blocks'],
  blocks: ['blocks'],
  core_memory: ['blocks'],
  tags: ['tags'],
  tool_exec_environment_variables: ['secrets'],
  secrets: ['secrets'],
}

/** Which relations a reader wants: what it names, else all for an old client and none for a new one. */
export function wantedRelations(
  query: { include?: AgentInclude[] | undefined; include_relationships?: string[] | undefined },
  sdk: SdkMode,
): ReadonlySet<Relation> {
  if (query.include_relationships) {
    return new Set(query.include_relationships.flatMap((name) => BY_OLD_NAME[name] ?? []))
  }
  const named = (query.include ?? []).flatMap((name) => BY_INCLUDE[name])
  return named.length === 0 && sdk === 'legacy' ? ALL : new Set(named)
}

export async function showAgents(
  deps: HttpDeps,
  rows: AgentRow[],
  wanted: ReadonlySet<Relation>,
): Promise<AgentState[]> {
  const [first] = rows
  if (!first) return []
  const ids = rows.map((row) => row.id)
  const relations = await readRelations(deps.db, first.organization_id, ids, wanted)
  return rows.flatMap((row) => {
    const found = relations.get(row.id)
    return found ? [toWireAgent(row, found, deps)] : []
  })
}

/** One agent, whole unless it is said what is wanted. Faults: not_found. */
export async function showAgent(
  deps: HttpDeps,
  actor: Actor,
  id: AgentId,
  wanted: ReadonlySet<Relation> = ALL,
): Promise<AgentState> {
  const row = await getAgent(deps.db, actor.organizationId, id)
  const [agent] = await showAgents(deps, [row], wanted)
  if (!agent) throw new Error(`${id} was read and not shown`)
  return agent
}
