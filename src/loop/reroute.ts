import type { ModelFailureKind } from '../domain/failure.ts'
import type { LlmConfig, ModelReply } from '../domain/model.ts'
import { configOf } from './offer-tools.ts'
import type { LoopPorts, LoopState } from './state.ts'

/** Trouble of one provider that another need not have. */
const ELSEWHERE: ReadonlySet<ModelFailureKind> = new Set([
  'overloaded',
  'server_error',
  'connection',
  'timeout',
  'rate_limited',
])

/**
 * The models that may still stand in for the one in use, in the order in which the agent names them. Each has one turn, and
 * the agent's own has had it: so the list comes to its end.
 */
export function standIns(state: LoopState): string[] {
  const others = [...new Set(state.agent.fallbackModels)].filter((name) => name !== state.agent.config.handle)
  return others.slice(others.indexOf(configOf(state).handle ?? '') + 1)
}

/**
 * The state with the next model in the place of one that failed before anything was shown; null: there is none, or it would
 * not help. It keeps the place until the run ends. What other models thought is left out of its requests.
 */
export async function rerouted(
  state: LoopState,
  { reply, shown }: { reply: ModelReply; shown: boolean },
  ports: Pick<LoopPorts, 'configOf'>,
): Promise<LoopState | null> {
  if (reply.ok || shown || !ELSEWHERE.has(reply.failure.kind)) return null
  for (const handle of standIns(state)) {
    const config = await ports.configOf(handle)
    if (config) return withModel(state, config)
  }
  return null
}

/** What an agent's own settings say of answers holds for whoever stands in. */
export function withModel(state: LoopState, config: LlmConfig): LoopState {
  const own = configOf(state)
  const overrideModel = {
    ...config,
    context_window: Math.min(config.context_window, own.context_window),
    parallel_tool_calls: own.parallel_tool_calls,
    response_format: own.response_format,
  }
  return { ...state, request: { ...state.request, overrideModel } }
}
