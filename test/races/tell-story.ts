import { expect } from 'vitest'
import { type Replica, until } from '../replicas.ts'

/** Three steps that stream, two of them with an edit of memory. */
export const SCRIPT = JSON.stringify([
  {
    drip: [15, 20],
    say: 'looking at it',
    calls: [{ name: 'core_memory_append', args: { label: 'human', content: 'x' } }],
  },
  {
    drip: [15, 20],
    say: 'and again',
    calls: [{ name: 'core_memory_append', args: { label: 'human', content: 'y' } }],
  },
  { drip: [15, 20], say: 'done with it' },
])

/** A bit of everything that takes a connection. */
export async function tellStory(server: Replica): Promise<void> {
  const agentId = await server.createAgent({ tools: ['core_memory_append'] })
  const talk = await Promise.all([
    server.stream(agentId, `[[script ${SCRIPT}]]`, { stream_tokens: true }),
    server.send(agentId, 'while it works'),
    server.sendAsync(agentId, 'later'),
  ])
  expect(talk[0].at(-1)?.data).toBe('[DONE]')
  expect(talk[1].status).toBe(200)
  expect((await server.ended(talk[2])).status).toBe('completed')
  const slow = await server.sendAsync(agentId, '[[sleep 9000]] slow')
  await until(async () => (await server.status(slow)) === 'running')
  await server.ask('POST', `/v1/agents/${agentId}/messages/cancel`, { run_ids: [slow] })
  expect((await server.ended(slow)).status).toBe('cancelled')
  await server.ask('PATCH', `/v1/agents/${agentId}/tools/approval/core_memory_append`, {
    requires_approval: true,
  })
  const asked = await server.send(agentId, '[[call core_memory_append {"label":"human","content":"z"}]]')
  const request = asked.body.messages.find(
    ({ message_type: type }: { message_type: string }) => type === 'approval_request_message',
  )
  const forked = await server.ask('POST', `/v1/conversations/?agent_id=${agentId}`, {})
  expect(forked.status).toBe(200)
  const answered = await server.ask('POST', `/v1/agents/${agentId}/messages`, {
    messages: [{ type: 'approval', approval_request_id: request.id, approve: true }],
  })
  expect(answered.body.stop_reason.stop_reason).toBe('end_turn')
  expect((await server.ask('DELETE', `/v1/agents/${agentId}`)).status).toBe(200)
}
