import { actTool } from '../define.ts'
import { type AgentPost, MESSAGE, noticeText, OTHER_AGENT_ID } from './agent-post.ts'

export function sendMessageToAgentAsync(post: AgentPost) {
  return actTool(
    {
      name: 'send_message_to_agent_async',
      toolType: 'letta_multi_agent_core',
      description: 'Leave a message for another agent. It reads it when it can; you get no answer.',
      parameters: { message: MESSAGE, other_agent_id: OTHER_AGENT_ID },
    },
    async ({ message, other_agent_id }, context) => {
      await post.tell(other_agent_id, noticeText(context, message), context)
      return 'Successfully sent message'
    },
  )
}
