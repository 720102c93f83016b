import type { Actor } from '../../domain/actor.ts'
import { Fault } from '../../domain/fault.ts'
import type { AgentId, ToolId } from '../../domain/id.ts'
import type { EmbeddingConfig, LlmConfig } from '../../domain/model.ts'
import { attachBlocks, detachBlocks } from '../../store/agent-blocks.ts'
import { attachTools, detachTools } from '../../store/agent-tools.ts'
import { type AgentChange, getAgent, updateAgent } from '../../store/agents.ts'
import type { Db } from '../../store/schema.ts'
import { saveSecrets } from '../../store/secrets.ts'
import { setContext } from '../../store/set-context.ts'
import { saveAgentTags } from '../../store/tags.ts'
import { holdTools } from '../../store/tools.ts'
import { inTransaction } from '../../store/transaction.ts'
import type { HttpDeps } from '../deps.ts'
import type { UpdateAgent } from '../schemas/agent-input.ts'
import { addPartner } from './add-partner.ts'
import { changeConfig, checkFallbacks, chooseEmbedding } from './choose-model.ts'
import { checkSupported } from './create-agent.ts'
import { sealSecrets } from './insert-whole-agent.ts'

/**
 * Changes what the request names, whole or not at all. Lists replace. Null clears what an agent can be without and says
 * nothing elsewhere. Faults: not_found, of the parts, conversation_busy for the context of a running turn.
 */
export async function changeAgent(
  deps: HttpDeps,
  actor: Actor,
  id: AgentId,
  body: UpdateAgent,
): Promise<void> {
  checkSupported(body)
  const agent = await getAgent(deps.db, actor.organizationId, id)
  const config = await changeConfig(deps, agent, body)
  const embedding = await chooseEmbedding(deps, body)
  await checkFallbacks(deps, body)
  await inTransaction(deps.db, async (tx) => {
    await saveLinks(tx, deps, actor, id, body)
    const isSame = config === agent.llm_config
    await updateAgent(tx, actor, id, {
      ...toChange(body),
      ...(!isSame && configColumns(config)),
      ...(embedding !== undefined && embeddingColumns(embedding)),
    })
    if (body.enable_sleeptime) await addPartner(tx, deps, actor, id)
  })
}

/** In the order in which locks are taken everywhere: the scope, blocks, and the agent's own row last. */
async function saveLinks(
  tx: Db,
  deps: HttpDeps,
  actor: Actor,
  id: AgentId,
  body: UpdateAgent,
): Promise<void> {
  const { organizationId } = actor
  if (body.message_ids) await setContext(tx, organizationId, id, body.message_ids)
  if (body.block_ids) {
    await detachBlocks(tx, organizationId, id, { allBut: body.block_ids })
    await attachBlocks(tx, organizationId, id, body.block_ids)
  }
  if (body.tool_ids) await replaceTools(tx, actor, id, body.tool_ids)
  if (body.tags) await saveAgentTags(tx, organizationId, id, body.tags)
  const secrets = sealSecrets(deps, body)
  if (secrets) await saveSecrets(tx, organizationId, id, secrets)
}

async function replaceTools(tx: Db, actor: Actor, id: AgentId, toolIds: ToolId[]): Promise<void> {
  const { organizationId } = actor
  const found = await holdTools(tx, organizationId, { ids: toolIds, names: [] })
  const missing = toolIds.find((toolId) => !found.some((tool) => tool.id === toolId))
  if (missing) throw new Fault('plain_conflict', `Tool ${missing} does not exist`)
  await detachTools(tx, organizationId, id, { allBut: toolIds })
  await attachTools(tx, organizationId, id, toolIds)
}

function configColumns(config: LlmConfig): AgentChange {
  return { llm_config: JSON.stringify(config), model_handle: config.handle }
}

function embeddingColumns(embedding: EmbeddingConfig | null): AgentChange {
  return {
    embedding_config: embedding && JSON.stringify(embedding),
    embedding_handle: embedding?.handle ?? null,
  }
}

/** Columns that can be empty, as the request names them. */
const CLEARABLE = [
  'description',
  'hidden',
  'project_id',
  'template_id',
  'base_template_id',
  'enable_sleeptime',
  'max_files_open',
  'per_file_view_window_char_limit',
  'last_run_completion',
  'last_run_duration_ms',
  'last_stop_reason',
  'prompt_refresh',
] as const satisfies (keyof UpdateAgent & keyof AgentChange)[]

const CLEARABLE_JSON = [
  'metadata',
  'response_format',
  'compaction_settings',
] as const satisfies (keyof UpdateAgent & keyof AgentChange)[]

function toChange(body: UpdateAgent): AgentChange {
  const named = <Field extends keyof UpdateAgent>(field: Field) => body[field] !== undefined
  const json = (value: unknown) => (value === null ? null : JSON.stringify(value))
  return {
    ...Object.fromEntries(CLEARABLE.filter(named).map((field) => [field, body[field]])),
    ...Object.fromEntries(CLEARABLE_JSON.filter(named).map((field) => [field, json(body[field])])),
    ...(body.name && { name: body.name }),
    ...(typeof body.system === 'string' && { system: body.system }),
    ...(body.timezone !== undefined && { timezone: body.timezone ?? 'UTC' }),
    ...(body.tool_rules !== undefined && { tool_rules: JSON.stringify(body.tool_rules ?? []) }),
    ...(body.fallback_models !== undefined && {
      fallback_models: JSON.stringify(body.fallback_models ?? []),
    }),
    ...(typeof body.message_buffer_autoclear === 'boolean' && {
      message_buffer_autoclear: body.message_buffer_autoclear,
    }),
  }
}
