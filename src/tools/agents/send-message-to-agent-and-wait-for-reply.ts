import { printed } from '../../lib/printed.ts'
import { actTool } from '../define.ts'
import { type AgentPost, encodeReply, MESSAGE, OTHER_AGENT_ID, questionText } from './agent-post.ts'

export function sendMessageToAgentAndWaitForReply(post: AgentPost) {
  return actTool(
    {
      name: 'send_message_to_agent_and_wait_for_reply',
      toolType: 'letta_multi_agent_core',
      description: 'Say something to another agent and wait for what it answers.',
      parameters: { message: MESSAGE, other_agent_id: OTHER_AGENT_ID },
    },
    async ({ message, other_agent_id }, context) =>
      printed(encodeReply(await post.ask(other_agent_id, questionText(context, message), context))),
  )
}
