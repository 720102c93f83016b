import type { TurnRequest } from '../domain/turn.ts'

/** Steps of a turn that nobody set a number for. */
const STEPS_MAX = 50

/** A request that comes from inside the server and asks for nothing special. */
export function innerRequest(speaksThroughTool: boolean): Omit<TurnRequest, 'input'> {
  return {
    transport: 'async',
    stepsMax: STEPS_MAX,
    streamTokens: false,
    returnTypes: null,
    speaksThroughTool,
    useAssistantMessage: true,
    assistantToolName: 'send_message',
    assistantToolKwarg: 'message',
    clientTools: [],
    clientSkills: [],
    overrideModel: null,
    overrideSystem: null,
    includeCompactionMessages: false,
    tends: null,
    depth: 0,
    waitingAgents: [],
    user: null,
    billing: null,
  }
}
