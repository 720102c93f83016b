import type { ToolChoice, ToolSpec } from '../domain/model.ts'
import { speaksThroughTool } from '../domain/speech.ts'
import { withAddedArguments } from './legacy/arguments.ts'
import type { LoopState } from './state.ts'
import { type CalledTool, decideTools, endsLoop, needsApproval, type ToolDecision } from './tool-rules.ts'
import { turnHistory } from './turn-history.ts'

/** What the model is offered in one step. */
export type ToolOffer = {
  specs: ToolSpec[]
  choice: ToolChoice
  decision: ToolDecision
  history: CalledTool[]
}

/** Tools as the rules allow them now. A client's tool stands in for a server's of the same name. */
export function offerTools(state: LoopState): ToolOffer {
  const { agent, request } = state
  const clientNames = new Set(request.clientTools.map((tool) => tool.name))
  const serverTools = agent.tools.filter((tool) => !clientNames.has(tool.name))
  const available = [...serverTools.map((tool) => tool.name), ...clientNames]
  const history = turnHistory(state)
  const decision = decideTools(agent.toolRules, available, history)
  const allowed = new Set(decision.allowed)
  const specs = [
    ...serverTools.filter((tool) => allowed.has(tool.name)).map((tool) => specOf(state, tool.spec)),
    ...request.clientTools
      .filter((tool) => allowed.has(tool.name))
      .map((tool) => ({ ...tool, isClients: true as const })),
  ]
  return { specs, choice: choiceOf(decision, speaksThroughTool(agent.agentType)), decision, history }
}

function choiceOf(decision: ToolDecision, mustCall: boolean): ToolChoice {
  const [only, ...more] = decision.allowed
  if (only === undefined) return { type: 'none' }
  if (decision.forced) return more.length === 0 ? { type: 'tool', name: only } : { type: 'required' }
  return { type: mustCall ? 'required' : 'auto' }
}

/** A tool as this agent is told about it: those that speak through one are given more arguments to fill in. */
function specOf(state: LoopState, spec: ToolSpec): ToolSpec {
  const formatted = withFormat(state, spec)
  if (!speaksThroughTool(state.agent.agentType)) return formatted
  const heartbeat = !endsLoop(state.agent.toolRules, spec.name)
  return withAddedArguments(formatted, { thought: thinksInCalls(state), heartbeat })
}

/** Whether the model is asked to write its thoughts into its calls, because it does not think by itself. */
export function thinksInCalls(state: LoopState): boolean {
  return speaksThroughTool(state.agent.agentType) && configOf(state).put_inner_thoughts_in_kwargs === true
}

/** Agents that answer through `send_message` answer in the form that was asked of them. */
function withFormat(state: LoopState, spec: ToolSpec): ToolSpec {
  const format = state.agent.responseFormat
  if (spec.name !== 'send_message' || !format || format.type === 'text') return spec
  const schema = format.type === 'json_schema' ? format.json_schema.schema : { type: 'object' }
  const parameters = spec.parameters as { properties?: object }
  return {
    ...spec,
    parameters: { ...spec.parameters, properties: { ...parameters.properties, message: schema ?? {} } },
  }
}

/** Calls that the server must not run by itself: the user decides, or the client runs them. */
export function isHeld(state: LoopState, tool: string): boolean {
  return (
    state.request.clientTools.some((client) => client.name === tool) ||
    needsApproval(state.agent.toolRules, tool)
  )
}

/** Several calls at once are allowed by the model's config, and where no rule cares for their order. */
export function allowsParallelCalls(state: LoopState): boolean {
  return (
    configOf(state).parallel_tool_calls === true &&
    !speaksThroughTool(state.agent.agentType) &&
    state.agent.toolRules.every((rule) => rule.type === 'requires_approval')
  )
}

/** The model of this request. */
export function configOf(state: LoopState) {
  return state.request.overrideModel ?? state.agent.config
}
