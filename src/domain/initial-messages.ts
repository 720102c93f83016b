import { randomBytes } from 'node:crypto'
import type { AgentType } from './agent.ts'
import type { MessageBody } from './message.ts'

/** Agents that start with nothing but their system message. */
const START_EMPTY: ReadonlySet<AgentType> = new Set([
  'letta_v1_agent',
  'sleeptime_agent',
  'voice_sleeptime_agent',
])

/** Agents that speak plainly. All others answer people through `send_message`. */
const SPEAK_PLAINLY: ReadonlySet<AgentType> = new Set(['letta_v1_agent'])

const FIRST_THOUGHT = 'I have just been started. I will greet the user and find out what they need.'
const FIRST_WORDS = 'Hello! I am awake and ready. What shall we do?'

/**
 * What stands in an agent's context behind its system message before anybody has spoken to it: a greeting through
 * `send_message`, and the event that somebody has come. `time` is the agent's local time.
 */
export function defaultMessages(agentType: AgentType, time: string): MessageBody[] {
  if (START_EMPTY.has(agentType)) return []
  return [...saidThroughTool(FIRST_WORDS, FIRST_THOUGHT, time), loginMessage(time)]
}

/** The agent's own words in a given beginning, in the way in which it would have said them. */
export function saidByAgent(agentType: AgentType, text: string, time: string): MessageBody[] {
  if (SPEAK_PLAINLY.has(agentType)) {
    return [{ role: 'assistant', content: [{ type: 'text', text }], toolCalls: [] }]
  }
  return saidThroughTool(text, null, time)
}

function saidThroughTool(text: string, thought: string | null, time: string): MessageBody[] {
  const id = `call_${randomBytes(12).toString('hex')}`
  const name = 'send_message'
  return [
    {
      role: 'assistant',
      content: thought === null ? [] : [{ type: 'text', text: thought }],
      toolCalls: [{ id, name, arguments: JSON.stringify({ message: text }) }],
    },
    {
      role: 'tool',
      returns: [{ callId: id, name, status: 'success', output: null, time, stdout: null, stderr: null }],
    },
  ]
}

function loginMessage(time: string): MessageBody {
  const event = { type: 'login', last_login: 'Never (first login)', time }
  return { role: 'user', content: [{ type: 'text', text: JSON.stringify(event, null, 2) }] }
}
