import type { AgentType } from '../../domain/agent.ts'
import { Fault } from '../../domain/fault.ts'
import type { EmbeddingConfig, LlmConfig } from '../../domain/model.ts'
import { withModelSettings } from '../../domain/model-settings.ts'
import type { HttpDeps } from '../deps.ts'
import type { CreateAgent, UpdateAgent } from '../schemas/agent-input.ts'
import { withReasoning } from './reasoning.ts'

/** The context of an agent that nobody has set one for is at most this large, whatever its model can take. Tokens. */
const WINDOW_MAX_DEFAULT = 128_000

type Deps = Pick<HttpDeps, 'catalog' | 'settings' | 'reasonsByDefault'>

/** A new agent's model. Faults: invalid_argument, coded_not_found. */
export async function chooseConfig(deps: Deps, body: CreateAgent): Promise<LlmConfig> {
  const base = body.llm_config ?? (await findConfig(deps, body.model ?? deps.settings.defaultModel))
  if (!base) throw new Fault('invalid_argument', 'Must specify either model or llm_config in request')
  const config = withSettings(sized(base, body.context_window_limit, body.llm_config !== undefined), body)
  const isWanted = body.reasoning ?? body.enable_reasoner ?? config.enable_reasoner
  const reasoning = withReasoning(config, body.agent_type, isWanted, deps.reasonsByDefault)
  return body.max_reasoning_tokens
    ? { ...reasoning, max_reasoning_tokens: body.max_reasoning_tokens }
    : reasoning
}

/** An agent's model after an update; the same one where the update does not touch it. Faults: as above. */
export async function changeConfig(
  deps: Deps,
  agent: { llm_config: LlmConfig; agent_type: AgentType },
  body: UpdateAgent,
): Promise<LlmConfig> {
  const limit = body.context_window_limit
  const named = body.llm_config ? null : await findConfig(deps, body.model ?? null)
  const given = named ?? body.llm_config
  const base = given ? sized(given, limit, named === null) : await resized(deps, agent.llm_config, limit)
  const config = withSettings(base, body)
  if (typeof body.reasoning !== 'boolean') return config
  return withReasoning(config, agent.agent_type, body.reasoning, deps.reasonsByDefault)
}

/** Models that stand in are known by their handles, as an agent's own is. Faults: coded_not_found. */
export async function checkFallbacks(
  deps: Pick<HttpDeps, 'catalog'>,
  { fallback_models }: Pick<UpdateAgent, 'fallback_models'>,
): Promise<void> {
  for (const handle of fallback_models ?? []) await findConfig(deps, handle)
}

function withSettings(config: LlmConfig, body: CreateAgent | UpdateAgent): LlmConfig {
  const settled = body.model_settings ? withModelSettings(config, body.model_settings) : config
  return {
    ...settled,
    ...(typeof body.max_tokens === 'number' && { max_tokens: body.max_tokens }),
    ...(typeof body.parallel_tool_calls === 'boolean' && { parallel_tool_calls: body.parallel_tool_calls }),
  }
}

function sized(config: LlmConfig, limit: number | null | undefined, isOwn: boolean): LlmConfig {
  if (limit) checkWindow(limit, config)
  const window =
    limit ?? (isOwn ? config.context_window : Math.min(config.context_window, WINDOW_MAX_DEFAULT))
  return { ...config, context_window: window }
}

/** An agent's window says how much it uses, not how much its model could take: that the catalog knows, if anybody does. */
async function resized(
  deps: Pick<HttpDeps, 'catalog'>,
  config: LlmConfig,
  limit: number | null | undefined,
): Promise<LlmConfig> {
  if (!limit) return config
  if (limit > config.context_window && config.handle) {
    const found = await deps.catalog.findModel(config.handle)
    if (found?.handle === config.handle) checkWindow(limit, found.config)
  }
  return { ...config, context_window: limit }
}

function checkWindow(limit: number, { context_window: max }: LlmConfig): void {
  if (limit <= max) return
  const text = `Context window limit (${limit}) is greater than the model's maximum (${max})`
  throw new Fault('invalid_argument', text)
}

/** Handles of the old makers' own service, which is gone: the catalog puts another model in their place. */
const GONE = /^letta\//

async function findConfig(deps: Pick<HttpDeps, 'catalog'>, handle: string | null): Promise<LlmConfig | null> {
  if (handle === null) return null
  const found = await deps.catalog.findModel(handle)
  if (found && (found.handle === handle || GONE.test(handle))) return { ...found.config, display_name: null }
  const provider = `${handle.split('/', 1)[0]}/`
  const near = (await deps.catalog.listModels())
    .map((model) => model.handle)
    .filter((name) => name.startsWith(provider))
  throw new Fault('coded_not_found', `Handle ${handle} not found, must be one of [${near.join(', ')}]`)
}

/** Undefined: the request does not say; null: none. Faults: bad_request. */
export async function chooseEmbedding(
  deps: Pick<HttpDeps, 'catalog'>,
  body: Pick<CreateAgent, 'embedding' | 'embedding_config'>,
): Promise<EmbeddingConfig | null | undefined> {
  if (body.embedding_config) return body.embedding_config
  if (!body.embedding) return body.embedding === null || body.embedding_config === null ? null : undefined
  const found = await deps.catalog.findEmbedding(body.embedding)
  if (!found) throw new Fault('bad_request', `Embedding model ${body.embedding} not found`)
  return found.config
}
