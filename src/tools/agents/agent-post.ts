import type { JsonObject } from '../../domain/json.ts'
import type { AgentReply } from '../../domain/search.ts'
import type { ToolContext } from '../../domain/tool.ts'
import { text } from '../parameters.ts'

/** How agents reach each other inside the server: no network, no credentials. Guards against circles are its business. */
export type AgentPost = {
  /** Sends and waits for the answer. Throws what the model can read when the other cannot be reached. */
  ask(agentId: string, text: string, context: ToolContext): Promise<AgentReply>
  /** Leaves a message that the other reads when it has time. Returns before that. */
  tell(agentId: string, text: string, context: ToolContext): Promise<void>
  /** Others that have all of some tags and at least one of the rest; an empty list asks for nothing. */
  findByTags(all: string[], some: string[], context: ToolContext): Promise<string[]>
}

export const MESSAGE = text('What to say to the other agent.')
export const OTHER_AGENT_ID = text('Id of the other agent, as agent-….')

/** Agents have learnt to read these two openings. */
export function questionText(context: ToolContext, message: string): string {
  return `[Incoming message from agent with ID '${context.agentId}' - your response will be delivered to the sender] ${message}`
}

export function noticeText(context: ToolContext, message: string): string {
  return `[Incoming message from agent with ID '${context.agentId}' - this is a one-way notification] ${message}`
}

export function encodeReply({ agentId, texts }: AgentReply): JsonObject {
  return { agent_id: agentId, response: texts.length > 0 ? texts : ['<no response>'] }
}
