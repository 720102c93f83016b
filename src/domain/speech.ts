import type { AgentType } from './agent.ts'

/**
 * Types that speak to people through a tool, `send_message`, with one call in every step: what they write beside it is
 * thinking. The others say what they write.
 */
const THROUGH_TOOL: ReadonlySet<AgentType> = new Set([
  'memgpt_agent',
  'memgpt_v2_agent',
  'split_thread_agent',
  'voice_convo_agent',
  'voice_sleeptime_agent',
])

export function speaksThroughTool(agentType: AgentType): boolean {
  return THROUGH_TOOL.has(agentType)
}
