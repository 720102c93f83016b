import { z } from 'zod'
import type { JsonObject } from '../domain/json.ts'
import type { AgentReply } from '../domain/search.ts'
import type { ToolContext } from '../domain/tool.ts'
import { actTool, stringOf, stringsOf } from './define.ts'

/** How agents reach each other inside the server: no network, no credentials. */
export type AgentPost = {
  /** Sends and waits for the answer. Throws what the model can read when the other cannot be reached. */
  ask(agentId: string, text: string, context: ToolContext): Promise<AgentReply>
  /** Leaves a message that the other reads when it has time. */
  tell(agentId: string, text: string, context: ToolContext): Promise<void>
  findByTags(all: string[], some: string[], context: ToolContext): Promise<string[]>
}

const message = stringOf('What to say to the other agent.')
const otherAgent = stringOf('Id of the other agent, as `agent-…`.')

export function agentMessageTools(post: AgentPost) {
  return [waitForReply(post), toTags(post), oneWay(post)]
}

function incoming(context: ToolContext, text: string): string {
  return `[Incoming message from agent with ID '${context.agentId}' - your response will be delivered to the sender] ${text}`
}

function waitForReply(post: AgentPost) {
  return actTool(
    {
      name: 'send_message_to_agent_and_wait_for_reply',
      toolType: 'letta_multi_agent_core',
      description: 'Send a message to another agent and wait for its answer.',
      properties: { message, other_agent_id: otherAgent },
      required: ['message', 'other_agent_id'],
    },
    z.object({ message: z.string(), other_agent_id: z.string() }),
    async (args, context) => {
      const reply = await post.ask(args.other_agent_id, incoming(context, args.message), context)
      return JSON.stringify(replyOf(reply))
    },
  )
}

function toTags(post: AgentPost) {
  return actTool(
    {
      name: 'send_message_to_agents_matching_tags',
      toolType: 'letta_multi_agent_core',
      description:
        'Send a message to every agent that has the given tags, one after another, and collect their answers.',
      properties: {
        message,
        match_all: stringsOf('Tags that an agent must all have.'),
        match_some: stringsOf('Tags of which an agent must have at least one.'),
      },
      required: ['message', 'match_all', 'match_some'],
    },
    z.object({ message: z.string(), match_all: z.array(z.string()), match_some: z.array(z.string()) }),
    async (args, context) => {
      const ids = await post.findByTags(args.match_all, args.match_some, context)
      const replies: JsonObject[] = []
      for (const id of ids) replies.push(await replyOrError(post, id, args.message, context))
      return JSON.stringify(replies)
    },
  )
}

async function replyOrError(
  post: AgentPost,
  id: string,
  text: string,
  context: ToolContext,
): Promise<JsonObject> {
  try {
    return replyOf(await post.ask(id, incoming(context, text), context))
  } catch (error) {
    return { agent_id: id, response: [`<error: ${error instanceof Error ? error.message : String(error)}>`] }
  }
}

function oneWay(post: AgentPost) {
  return actTool(
    {
      name: 'send_message_to_agent_async',
      toolType: 'letta_multi_agent_core',
      description: 'Leave a message for another agent without waiting for an answer.',
      properties: { message, other_agent_id: otherAgent },
      required: ['message', 'other_agent_id'],
    },
    z.object({ message: z.string(), other_agent_id: z.string() }),
    async (args, context) => {
      const text = `[Incoming message from agent with ID '${context.agentId}' - this is a one-way notification] ${args.message}`
      await post.tell(args.other_agent_id, text, context)
      return 'Successfully sent message'
    },
  )
}

function replyOf(reply: AgentReply): JsonObject {
  return { agent_id: reply.agentId, response: reply.texts.length > 0 ? reply.texts : ['<no response>'] }
}
