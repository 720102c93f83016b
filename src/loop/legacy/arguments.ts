import type { AssistantPart, ToolCall } from '../../domain/message.ts'
import type { PromptMessage, ToolSpec } from '../../domain/model.ts'
import { spacedJson } from '../../lib/spaced-json.ts'
import { parseArguments } from '../parse-arguments.ts'

/** Agents that speak through a tool write what they think into an argument of each call … */
export const THOUGHT = 'thinking'
/** … and say with another whether they want to go on after it. */
export const HEARTBEAT = 'request_heartbeat'

const THOUGHT_SCHEMA = {
  type: 'string',
  description: 'What you think before you make this call. Only you can see it.',
}
const HEARTBEAT_SCHEMA = {
  type: 'boolean',
  description: 'True: you go on with another step after this call. False: your turn ends with it.',
}

/** Which arguments a tool is given besides its own. */
export type AddedArguments = { thought: boolean; heartbeat: boolean }

/** A tool with the arguments that such an agent adds to its calls. One that is the tool's own stays the tool's. */
export function withAddedArguments(spec: ToolSpec, added: AddedArguments): ToolSpec {
  const own = propertiesOf(spec)
  const thought = added.thought && !(THOUGHT in own)
  const heartbeat = added.heartbeat && !(HEARTBEAT in own)
  const required = Array.isArray(spec.parameters.required) ? spec.parameters.required : []
  return {
    ...spec,
    parameters: {
      ...spec.parameters,
      properties: {
        ...(thought && { [THOUGHT]: THOUGHT_SCHEMA }),
        ...own,
        ...(heartbeat && { [HEARTBEAT]: HEARTBEAT_SCHEMA }),
      },
      required: [...(thought ? [THOUGHT] : []), ...required, ...(heartbeat ? [HEARTBEAT] : [])],
    },
  }
}

/** Whether an argument of a tool's call is an added one, by its name. Of an unknown tool every such argument is. */
export function isAdded(name: string, spec: ToolSpec | undefined): boolean {
  return (name === THOUGHT || name === HEARTBEAT) && !(spec && name in propertiesOf(spec))
}

/** A call without what was added, and what that said. A call that cannot be read stays as it is. */
export function withoutAdded(
  call: ToolCall,
  spec: ToolSpec | undefined,
): { call: ToolCall; thought: string; heartbeat: boolean } {
  const parsed = parseArguments(call.arguments)
  if (!parsed.ok) return { call, thought: '', heartbeat: false }
  const own = Object.entries(parsed.args).filter(([name]) => !isAdded(name, spec))
  const said = (name: string) => (isAdded(name, spec) ? parsed.args[name] : undefined)
  const thought = said(THOUGHT)
  const heartbeat = said(HEARTBEAT)
  return {
    call: { ...call, arguments: spacedJson(Object.fromEntries(own)) },
    thought: typeof thought === 'string' ? thought : '',
    heartbeat: heartbeat === true || heartbeat === 'true',
  }
}

/** An earlier answer as the model wrote it: its thought in the call, where the model is asked to put the next one. */
export function withThoughtInCall(message: PromptMessage): PromptMessage {
  if (message.role !== 'assistant') return message
  const [first, ...others] = message.toolCalls
  const thought = message.content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join('\n')
  if (!first || thought === '') return message
  const parsed = parseArguments(first.arguments)
  if (!parsed.ok) return message
  const call = { ...first, arguments: spacedJson({ [THOUGHT]: thought, ...parsed.args }) }
  return { ...message, content: message.content.filter(isNoText), toolCalls: [call, ...others] }
}

function isNoText(part: AssistantPart): boolean {
  return part.type !== 'text'
}

function propertiesOf(spec: ToolSpec): Record<string, unknown> {
  const { properties } = spec.parameters
  return typeof properties === 'object' && properties !== null && !Array.isArray(properties) ? properties : {}
}
