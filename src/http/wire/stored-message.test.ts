import { describe, expect, it } from 'vitest'
import type { AgentId, MessageId, RunId, UserId } from '../../domain/id.ts'
import type { AssistantPart, Message, MessageBody, MessageHead } from '../../domain/message.ts'
import { toWireStoredMessage } from './stored-message.ts'

const HEAD: MessageHead = {
  id: 'message-123e4567-e89b-42d3-a456-426614174000' as MessageId,
  otid: null,
  createdAt: '2026-03-02T09:15:04.120331Z',
  stepId: null,
  runId: 'run-1' as RunId,
  senderId: null,
  groupId: null,
  name: null,
  isErr: false,
  model: 'gpt-4o-mini',
}
const AT = {
  agentId: 'agent-1' as AgentId,
  agentModel: 'gpt-5-mini',
  conversationId: null,
  createdById: 'user-1' as UserId,
}
const wire = (body: MessageBody, head: Partial<MessageHead> = {}) =>
  toWireStoredMessage({ ...HEAD, ...head, ...body } as Message, AT)

describe('toWireStoredMessage', () => {
  it('writes every field of a row, nulls included', () => {
    expect(wire({ role: 'user', content: [{ type: 'text', text: 'hi' }] })).toEqual({
      created_by_id: 'user-1',
      last_updated_by_id: 'user-1',
      created_at: HEAD.createdAt,
      updated_at: HEAD.createdAt,
      id: HEAD.id,
      agent_id: 'agent-1',
      model: 'gpt-4o-mini',
      role: 'user',
      content: [{ type: 'text', text: 'hi', signature: null }],
      name: null,
      tool_calls: null,
      tool_call_id: null,
      step_id: null,
      run_id: 'run-1',
      otid: null,
      tool_returns: [],
      group_id: null,
      sender_id: null,
      batch_item_id: null,
      conversation_id: null,
      is_err: null,
      approval_request_id: null,
      approve: null,
      denial_reason: null,
      approvals: [],
    })
  })

  it('shows the system message as unchanged, with the model of the agent', () => {
    const system = wire({ role: 'system', content: [] }, { runId: null, model: null })
    expect(system).toMatchObject({ role: 'system', model: 'gpt-5-mini', updated_at: null, approvals: null })
  })

  it('writes calls as OpenAI has them', () => {
    const toolCalls = [{ id: 'call_1', name: 'add', arguments: '{}' }]
    const calls = [{ id: 'call_1', function: { arguments: '{}', name: 'add' }, type: 'function' }]
    expect(wire({ role: 'assistant', content: [], toolCalls }).tool_calls).toEqual(calls)
    expect(wire({ role: 'approval_request', content: [], toolCalls })).toMatchObject({
      role: 'approval',
      tool_calls: calls,
    })
  })

  it('packs a return as the model reads it', () => {
    const result = { callId: 'call_1', name: 'add', status: 'success', output: '3', time: 'now' } as const
    const packed = '{\n  "status": "OK",\n  "message": "3",\n  "time": "now"\n}'
    expect(wire({ role: 'tool', returns: [{ ...result, stdout: null, stderr: null }] })).toMatchObject({
      content: [{ type: 'text', text: packed, signature: null }],
      tool_call_id: 'call_1',
      tool_returns: [{ tool_call_id: 'call_1', status: 'success', func_response: packed }],
    })
  })

  it('writes a decision twice: in the list, and beside it', () => {
    const answer = { type: 'approval', callId: 'call_1', approve: false, reason: 'no' } as const
    expect(wire({ role: 'approval_response', answers: [answer] })).toMatchObject({
      role: 'approval',
      approval_request_id: 'call_1',
      approve: false,
      denial_reason: 'no',
      approvals: [{ type: 'approval', tool_call_id: 'call_1', approve: false, reason: 'no' }],
    })
  })

  it('numbers the pieces of a summary of thoughts', () => {
    const content: AssistantPart[] = [{ type: 'summarized_reasoning', id: 'rs_1', summary: ['a', 'b'] }]
    expect(wire({ role: 'assistant', content, toolCalls: [] }).content).toEqual([
      {
        type: 'summarized_reasoning',
        id: 'rs_1',
        summary: [
          { index: 0, text: 'a' },
          { index: 1, text: 'b' },
        ],
        encrypted_content: null,
      },
    ])
  })
})
