import type { TurnOptions, TurnRequest } from '../domain/turn.ts'

/** Steps of a turn that nobody set a number for. */
const STEPS_MAX = 50

/** A turn of which nothing special is asked. */
export const OPTIONS_NONE: TurnOptions = {
  stepsMax: STEPS_MAX,
  returnTypes: null,
  useAssistantMessage: true,
  assistantToolName: 'send_message',
  assistantToolKwarg: 'message',
  clientTools: [],
  clientSkills: [],
  overrideModel: null,
  overrideSystem: null,
  includeCompactionMessages: false,
}

/** A request that comes from inside the server and asks for nothing special. */
export function innerRequest(speaksThroughTool: boolean): Omit<TurnRequest, 'input'> {
  return {
    ...OPTIONS_NONE,
    transport: 'async',
    streamTokens: false,
    speaksThroughTool,
    overrideModel: null,
    tends: null,
    depth: 0,
    waitingAgents: [],
    user: null,
    billing: null,
  }
}
