import type { AgentType } from '../domain/agent.ts'
import type { ViewOptions } from '../domain/view.ts'

/** Agents whose plain text is their answer; those of the other types answer through a tool, and their text is thinking. */
const ANSWERS_BY_TEXT = new Set<AgentType>([
  'letta_v1_agent',
  'sleeptime_agent',
  'react_agent',
  'workflow_agent',
])

export function viewOptionsFor(
  agentType: AgentType,
  fold: { foldTool: string | null; foldArgument: string } | null,
): ViewOptions {
  return {
    compactionMessages: false,
    textIs: ANSWERS_BY_TEXT.has(agentType) ? 'assistant_message' : 'reasoning_message',
    foldedTool: fold?.foldTool ? { name: fold.foldTool, argument: fold.foldArgument } : null,
  }
}
