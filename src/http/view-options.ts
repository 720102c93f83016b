import type { AgentType } from '../domain/agent.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import type { ViewOptions } from '../domain/view.ts'

export function viewOptionsFor(
  agentType: AgentType,
  fold: { foldTool: string | null; foldArgument: string } | null,
): ViewOptions {
  return {
    compactionMessages: false,
    textIs: speaksThroughTool(agentType) ? 'reasoning_message' : 'assistant_message',
    foldedTool: fold?.foldTool ? { name: fold.foldTool, argument: fold.foldArgument } : null,
  }
}
