import type { Actor } from '../../domain/actor.ts'
import { type AgentId, newId } from '../../domain/id.ts'
import type { EmbeddingConfig, LlmConfig } from '../../domain/model.ts'
import { systemPromptOf } from '../../domain/system-prompts.ts'
import { randomName } from '../../lib/random-name.ts'
import { sealText } from '../../lib/sealed-text.ts'
import { attachBlocks } from '../../store/agent-blocks.ts'
import { attachTools } from '../../store/agent-tools.ts'
import { insertAgent, type NewAgentRow } from '../../store/agents.ts'
import { insertBlocks } from '../../store/blocks.ts'
import type { Db } from '../../store/schema.ts'
import { type SealedSecrets, saveSecrets } from '../../store/secrets.ts'
import { saveAgentTags } from '../../store/tags.ts'
import type { HttpDeps } from '../deps.ts'
import type { CreateAgent } from '../schemas/agent-input.ts'
import { chooseRules } from './choose-rules.ts'
import { chooseTools } from './choose-tools.ts'
import { firstBlocks } from './first-blocks.ts'
import { saveFirstMessages } from './first-messages.ts'

/** What is settled of a new agent before its transaction begins. */
export type Chosen = { config: LlmConfig; embedding: EmbeddingConfig | null; projectId: string | null }

/** Writes an agent with all that belongs to it: tools, rules, blocks, tags, secrets, first messages. */
export async function insertWholeAgent(
  tx: Db,
  deps: HttpDeps,
  actor: Actor,
  body: CreateAgent,
  { config, embedding, projectId }: Chosen,
): Promise<AgentId> {
  const { organizationId } = actor
  const id = newId('agent')
  const tools = await chooseTools(tx, deps, actor, body)
  const rules = chooseRules(body, config, tools)
  const conversationId = newId('conv')
  const row = { ...toRow(body, config, embedding), id, tool_rules: JSON.stringify(rules) }
  await insertAgent(tx, actor, { ...row, project_id: body.project_id ?? projectId }, conversationId)
  await saveParts(tx, deps, actor, id, body)
  await attachTools(
    tx,
    organizationId,
    id,
    tools.map((tool) => tool.id),
  )
  await saveFirstMessages(tx, deps, { organizationId, agentId: id, conversationId }, body)
  return id
}

async function saveParts(
  tx: Db,
  deps: HttpDeps,
  actor: Actor,
  id: AgentId,
  body: CreateAgent,
): Promise<void> {
  const { organizationId } = actor
  const made = await insertBlocks(tx, actor, firstBlocks(body))
  await attachBlocks(tx, organizationId, id, [...(body.block_ids ?? []), ...made.map((block) => block.id)])
  if (body.tags?.length) await saveAgentTags(tx, organizationId, id, body.tags)
  const secrets = sealSecrets(deps, body)
  if (secrets && Object.keys(secrets).length > 0) await saveSecrets(tx, organizationId, id, secrets)
}

/** The secrets of a request, sealed; undefined where it names none. */
export function sealSecrets(
  deps: Pick<HttpDeps, 'settings'>,
  body: Pick<CreateAgent, 'secrets' | 'tool_exec_environment_variables'>,
): SealedSecrets | undefined {
  const given = body.secrets ?? body.tool_exec_environment_variables
  if (!given) return undefined
  const { sealKey } = deps.settings
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, sealText(value, sealKey)]))
}

/** Agents that a client makes for its own errands are not for a user's list. */
const HIDING_TAG = 'role:subagent'

function toRow(
  body: CreateAgent,
  config: LlmConfig,
  embedding: EmbeddingConfig | null,
): Omit<NewAgentRow, 'id'> {
  return {
    name: body.name ?? randomName(),
    agent_type: body.agent_type,
    system: body.system ?? systemPromptOf(body.agent_type),
    description: body.description ?? null,
    metadata: body.metadata ? JSON.stringify(body.metadata) : null,
    llm_config: JSON.stringify(config),
    model_handle: config.handle,
    embedding_config: embedding && JSON.stringify(embedding),
    embedding_handle: embedding?.handle ?? null,
    compaction_settings: body.compaction_settings ? JSON.stringify(body.compaction_settings) : null,
    response_format: body.response_format ? JSON.stringify(body.response_format) : null,
    timezone: body.timezone ?? 'UTC',
    prompt_refresh: body.prompt_refresh ?? null,
    fallback_models: JSON.stringify(body.fallback_models ?? []),
    message_buffer_autoclear:
      body.agent_type === 'workflow_agent' || (body.message_buffer_autoclear ?? false),
    enable_sleeptime: body.enable_sleeptime ?? null,
    max_files_open: body.max_files_open ?? null,
    per_file_view_window_char_limit: body.per_file_view_window_char_limit ?? null,
    hidden: body.hidden ?? (body.tags?.includes(HIDING_TAG) ? true : null),
    template_id: body.template_id ?? null,
    base_template_id: body.base_template_id ?? null,
  }
}
