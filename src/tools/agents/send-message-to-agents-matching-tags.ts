import type { JsonObject } from '../../domain/json.ts'
import type { ToolContext } from '../../domain/tool.ts'
import { printed } from '../../lib/printed.ts'
import { actTool } from '../define.ts'
import { listOf, text } from '../parameters.ts'
import { type AgentPost, encodeReply, MESSAGE, questionText } from './agent-post.ts'

export function sendMessageToAgentsMatchingTags(post: AgentPost) {
  return actTool(
    {
      name: 'send_message_to_agents_matching_tags',
      toolType: 'letta_multi_agent_core',
      description:
        'Say something to all agents with certain tags, one after another, and collect what they answer. Without any tag it goes to every agent.',
      parameters: {
        message: MESSAGE,
        match_all: listOf(text(), 'Tags that an agent must have all of. May be empty.'),
        match_some: listOf(text(), 'Tags that an agent must have at least one of. May be empty.'),
      },
    },
    async ({ message, match_all, match_some }, context) => {
      const replies: JsonObject[] = []
      for (const agentId of await post.findByTags(match_all, match_some, context)) {
        if (context.signal.aborted) break
        replies.push(await replyOrError(post, agentId, message, context))
      }
      return printed(replies)
    },
  )
}

/** One agent that cannot answer does not silence the others. */
async function replyOrError(
  post: AgentPost,
  agentId: string,
  message: string,
  context: ToolContext,
): Promise<JsonObject> {
  try {
    return encodeReply(await post.ask(agentId, questionText(context, message), context))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { agent_id: agentId, response: [`<error: ${reason}>`] }
  }
}
