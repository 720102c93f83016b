import type { AgentType } from '../domain/agent.ts'
import { Fault } from '../domain/fault.ts'
import type { JsonObject } from '../domain/json.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import type { TurnOptions, TurnRequest } from '../domain/turn.ts'
import type { Target } from '../store/scopes.ts'
import { innerRequest } from './inner-request.ts'

/** How a request came, and what its options mean for its agent. */
type Way = Pick<TurnRequest, 'transport' | 'streamTokens' | 'overrideModel' | 'user' | 'origin'> & {
  agentType: AgentType
}

/** A user's request to an agent, whichever way it came. */
export function turnRequestOf(options: TurnOptions, { agentType, ...way }: Way): Omit<TurnRequest, 'input'> {
  return { ...innerRequest(speaksThroughTool(agentType)), ...options, ...way }
}

/** The four options that the old server kept of a request. */
export function requestConfigOf(options: TurnOptions): JsonObject {
  return {
    use_assistant_message: options.useAssistantMessage,
    assistant_message_tool_name: options.assistantToolName,
    assistant_message_tool_kwarg: options.assistantToolKwarg,
    include_return_message_types: options.returnTypes,
  }
}

/** What agents of the older types never had. Faults: bad_request. */
export function refuseUnknownToOldTypes(
  { agentType, isDefault }: Pick<Target, 'agentType' | 'isDefault'>,
  { clientTools }: Pick<TurnOptions, 'clientTools'>,
): void {
  if (!speaksThroughTool(agentType)) return
  if (!isDefault)
    throw new Fault(
      'bad_request',
      `Conversations are not supported for agents of type ${agentType}: send to the agent itself.`,
    )
  if (clientTools.length > 0)
    throw new Fault('bad_request', `client_tools are not supported for agents of type ${agentType}.`)
}
