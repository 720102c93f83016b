import type { AgentType } from '../../domain/agent.ts'
import type { LlmConfig } from '../../domain/model.ts'

/** Tokens of thinking in one answer, for providers that want a number. */
const THINKING_TOKENS_DEFAULT = 1_024

/**
 * Settles whether a model thinks before it answers. Models that can do so are asked to; from the others, older kinds of
 * agent are asked to write their thoughts as an argument of each call.
 */
export function withReasoning(
  config: LlmConfig,
  agentType: AgentType,
  isWanted: boolean,
  reasons: (model: string) => boolean,
): LlmConfig {
  if (reasons(config.model)) return nativeReasoning(config, isWanted)
  const writesThoughts = isWanted && agentType !== 'letta_v1_agent'
  return {
    ...config,
    put_inner_thoughts_in_kwargs: writesThoughts,
    enable_reasoner: writesThoughts,
    max_reasoning_tokens: 0,
  }
}

function nativeReasoning(config: LlmConfig, isWanted: boolean): LlmConfig {
  const native = { ...config, put_inner_thoughts_in_kwargs: false }
  // These are told how hard to think, not whether: they always do.
  if (config.model_endpoint_type === 'openai') {
    return {
      ...native,
      enable_reasoner: true,
      reasoning_effort: config.reasoning_effort ?? effortOf(config.model),
    }
  }
  return {
    ...native,
    enable_reasoner: isWanted,
    max_reasoning_tokens: isWanted ? config.max_reasoning_tokens || THINKING_TOKENS_DEFAULT : 0,
  }
}

/** What each family is asked for unless told otherwise: `gpt-5.1` and later know no `minimal`, the `o` series neither. */
function effortOf(model: string): LlmConfig['reasoning_effort'] {
  if (/^gpt-5\.\d/.test(model)) return 'none'
  return model.startsWith('gpt-5') ? 'minimal' : 'medium'
}
