import type { Actor } from '../../domain/actor.ts'
import type { AgentId } from '../../domain/id.ts'
import { readAgentBlocks } from '../../store/agent-blocks.ts'
import { getAgent } from '../../store/agents.ts'
import { findManagedGroup, insertSleeptimeGroup } from '../../store/groups.ts'
import type { Db } from '../../store/schema.ts'
import type { HttpDeps } from '../deps.ts'
import { CreateAgent } from '../schemas/agent-input.ts'
import { insertWholeAgent } from './insert-whole-agent.ts'

const MEMORY_PERSONA =
  'I look after the memory of another agent. I read what was said, and keep our shared blocks true, short and in order. I am not a part of the conversation and answer nobody.'

/**
 * Gives an agent a partner that tends its memory in the background: an agent of its own with the same model and the same
 * blocks, and the group that binds the two. An agent that has a group already keeps it.
 */
export async function addPartner(tx: Db, deps: HttpDeps, actor: Actor, id: AgentId): Promise<void> {
  const { organizationId } = actor
  if (await findManagedGroup(tx, organizationId, id)) return
  const main = await getAgent(tx, organizationId, id)
  const blocks = await readAgentBlocks(tx, organizationId, [id])
  const body = CreateAgent.parse({
    name: `${main.name}-sleeptime`,
    agent_type: 'sleeptime_agent',
    timezone: main.timezone,
    block_ids: blocks.map((block) => block.id),
    memory_blocks: [
      { label: 'memory_persona', value: MEMORY_PERSONA, description: 'How I look after the memory.' },
    ],
  })
  const partner = await insertWholeAgent(tx, deps, actor, body, {
    config: main.llm_config,
    embedding: main.embedding_config,
    projectId: main.project_id,
  })
  await insertSleeptimeGroup(tx, organizationId, id, partner)
}
