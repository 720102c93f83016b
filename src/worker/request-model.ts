import { Fault } from '../domain/fault.ts'
import type { LlmConfig, ModelListing } from '../domain/model.ts'
import { withModelSettings } from '../domain/model-settings.ts'
import type { Target } from '../store/scopes.ts'
import type { EngineDeps } from './deps.ts'

/**
 * The model of one request: its own, or the conversation's with the conversation's settings. The agent's window is a
 * bound. Null: the agent's model as it is.
 */
export async function modelFor(
  deps: Pick<EngineDeps, 'catalog'>,
  target: Target,
  own: string | null,
): Promise<LlmConfig | null> {
  if (own !== null) return boundedModel(deps, target, own)
  const { conversationModel, conversationSettings } = target
  const model = conversationModel === null ? null : await boundedModel(deps, target, conversationModel)
  return conversationSettings ? withModelSettings(model ?? target.config, conversationSettings) : model
}

async function boundedModel(
  deps: Pick<EngineDeps, 'catalog'>,
  target: Target,
  handle: string,
): Promise<LlmConfig> {
  const { config } = await getListing(deps, handle)
  return {
    ...config,
    context_window: Math.min(config.context_window, target.config.context_window),
    parallel_tool_calls: target.config.parallel_tool_calls,
  }
}

/** Faults: coded_not_found. */
export async function getListing(
  { catalog }: Pick<EngineDeps, 'catalog'>,
  handle: string,
): Promise<ModelListing> {
  const listing = await catalog.findModel(handle)
  if (listing) return listing
  const handles = (await catalog.listModels()).map((known) => `'${known.handle}'`)
  throw new Fault('coded_not_found', `Handle ${handle} not found, must be one of [${handles.join(', ')}]`)
}
