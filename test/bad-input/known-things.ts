import Letta from '@letta-ai/letta-client'
import type { Known } from './wrong-requests.ts'

/** One of each thing that requests can be about, by the names that paths have for them. */
export async function createKnownThings(url: string): Promise<Known> {
  const client = new Letta({ baseURL: url, apiKey: 'none', maxRetries: 0 })
  const agent = await client.agents.create({
    model: 'perdure/offline',
    memory_blocks: [{ label: 'human', value: 'A new user.' }],
  })
  const block = await client.blocks.create({ label: 'notes', value: 'n' })
  const conversation = await client.conversations.create({ agent_id: agent.id })
  const answer = await client.agents.messages.create(agent.id, { input: 'Hello' })
  const [run] = (await client.runs.list({ agent_id: agent.id })).items
  const [tool] = agent.tools
  return {
    agent_id: agent.id,
    block_id: block.id,
    block_label: 'human',
    conversation_id: conversation.id,
    message_id: answer.messages[0]?.id ?? '',
    run_id: run?.id ?? '',
    step_id: answer.messages[0]?.step_id ?? '',
    tool_id: tool?.id ?? '',
    tool_name: tool?.name ?? '',
  }
}
