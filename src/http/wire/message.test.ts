import { describe, expect, it } from 'vitest'
import type { MessageView, ViewBody } from '../../domain/frame.ts'
import type { ToolReturn, UserPart } from '../../domain/message.ts'
import { toWireMessage } from './message.ts'

const BASE = {
  id: 'message-123e4567-e89b-42d3-a456-426614174000',
  date: '2026-03-02T09:15:04+00:00',
  name: null,
  otid: null,
  sender_id: null,
  step_id: null,
  is_err: null,
  seq_id: null,
  run_id: null,
}
const IMAGE: UserPart = { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AA==' } }

describe('toWireMessage', () => {
  it('writes every field that messages share, in the old order, nulls included', () => {
    const wire = toWireMessage(view({ type: 'assistant_message', content: 'hi', signature: 's' }), 7)
    expect(wire).toEqual({ ...BASE, message_type: 'assistant_message', seq_id: 7, content: 'hi' })
    expect(Object.keys(wire).join()).toBe(
      'id,date,name,message_type,otid,sender_id,step_id,is_err,seq_id,run_id,content',
    )
  })

  it('shows the error mark only when it is set', () => {
    const failed = { ...view({ type: 'system_message', content: 'x' }), isErr: true }
    expect(toWireMessage(failed, null)).toMatchObject({ is_err: true })
  })

  it.each<[ViewBody, object]>([
    [
      { type: 'reasoning_message', source: 'reasoner_model', reasoning: 'hm', signature: null },
      { source: 'reasoner_model', reasoning: 'hm', signature: null },
    ],
    [
      { type: 'hidden_reasoning_message', state: 'redacted', hiddenReasoning: 'x' },
      { state: 'redacted', hidden_reasoning: 'x' },
    ],
    [
      { type: 'event_message', eventType: 'compaction', eventData: { trigger: 't' } },
      { event_type: 'compaction', event_data: { trigger: 't' } },
    ],
    [
      { type: 'summary_message', summary: 's', stats: null },
      { summary: 's', compaction_stats: null },
    ],
    [{ type: 'user_message', content: 'hi' }, { content: 'hi' }],
  ])('writes the body of %j', (body, expected) => {
    expect(toWireMessage(view(body), null)).toEqual({ ...BASE, message_type: body.type, ...expected })
  })

  it('writes calls as a list, and the first of them beside it', () => {
    const toolCalls = ['call_1', 'call_2'].map((id) => ({ id, name: 'add', arguments: '{"a": 1}' }))
    const calls = ['call_1', 'call_2'].map((id) => ({ name: 'add', arguments: '{"a": 1}', tool_call_id: id }))
    for (const type of ['tool_call_message', 'approval_request_message'] as const) {
      expect(toWireMessage(view({ type, toolCalls }), null)).toMatchObject({
        tool_call: calls[0],
        tool_calls: calls,
      })
    }
  })
})

describe('results on the wire', () => {
  it('are a list, with the first one’s fields before it', () => {
    const returns = [result('call_1', '4', { stdout: ['out'] }), result('call_2', 'no', { status: 'error' })]
    const wire = toWireMessage(view({ type: 'tool_return_message', returns }), null)
    expect(wire).toEqual({
      ...BASE,
      message_type: 'tool_return_message',
      tool_return: '4',
      status: 'success',
      tool_call_id: 'call_1',
      stdout: ['out'],
      stderr: null,
      tool_returns: [
        {
          type: 'tool',
          tool_return: '4',
          status: 'success',
          tool_call_id: 'call_1',
          stdout: ['out'],
          stderr: null,
        },
        {
          type: 'tool',
          tool_return: 'no',
          status: 'error',
          tool_call_id: 'call_2',
          stdout: null,
          stderr: null,
        },
      ],
    })
  })

  it('write objects as JSON text', () => {
    const returns = [result('call_1', { a: [1, true] })]
    const json = '{"a":[1,true]}'
    expect(toWireMessage(view({ type: 'tool_return_message', returns }), null)).toMatchObject({
      tool_return: json,
      tool_returns: [{ tool_return: json }],
    })
  })

  it('keep parts in the list and their status, and count the images where only text fits', () => {
    const returns = [result('call_1', [{ type: 'text', text: 'see' }, IMAGE], { status: 'error' })]
    expect(toWireMessage(view({ type: 'tool_return_message', returns }), null)).toMatchObject({
      tool_return: 'see [Image omitted]',
      status: 'error',
      tool_returns: [
        {
          status: 'error',
          tool_return: [
            { type: 'text', text: 'see', signature: null },
            {
              type: 'image',
              source: { type: 'base64', media_type: 'image/png', data: 'AA==', detail: null },
            },
          ],
        },
      ],
    })
    const images = [result('call_1', [IMAGE, IMAGE])]
    expect(toWireMessage(view({ type: 'tool_return_message', returns: images }), null)).toMatchObject({
      tool_return: '[2 images omitted]',
    })
  })
})

describe('answers to approvals on the wire', () => {
  it('mirror the first decision behind the list', () => {
    const answers = [
      {
        type: 'tool' as const,
        callId: 'call_1',
        return: result('call_1', [{ type: 'text', text: 'see' }, IMAGE]),
      },
      { type: 'approval' as const, callId: 'call_2', approve: false, reason: 'no' },
    ]
    expect(toWireMessage(view({ type: 'approval_response_message', answers }), null)).toEqual({
      ...BASE,
      message_type: 'approval_response_message',
      approvals: [
        {
          type: 'tool',
          tool_return: 'see [Image omitted]',
          status: 'success',
          tool_call_id: 'call_1',
          stdout: null,
          stderr: null,
        },
        { type: 'approval', tool_call_id: 'call_2', approve: false, reason: 'no' },
      ],
      approve: false,
      approval_request_id: 'call_2',
      reason: 'no',
    })
  })

  it('have nothing to mirror when they are results only', () => {
    const answers = [{ type: 'tool' as const, callId: 'call_1', return: result('call_1', 'text') }]
    expect(toWireMessage(view({ type: 'approval_response_message', answers }), null)).toMatchObject({
      approve: null,
      approval_request_id: null,
      reason: null,
    })
  })
})

describe('a user’s parts on the wire', () => {
  it('D-129: show images as files with an id of their own', () => {
    const content: UserPart[] = [{ type: 'text', text: 'see' }, IMAGE]
    expect(toWireMessage(view({ type: 'user_message', content }), null)).toMatchObject({
      content: [
        { type: 'text', text: 'see', signature: null },
        {
          type: 'image',
          source: {
            type: 'letta',
            file_id: 'file-123e4567-e89b-42d3-a456-426614174001',
            media_type: 'image/png',
            data: 'AA==',
            detail: null,
          },
        },
      ],
    })
  })
})

function view(body: ViewBody): MessageView {
  return {
    id: BASE.id,
    createdAt: '2026-03-02T09:15:04.920331Z',
    name: null,
    otid: null,
    senderId: null,
    stepId: null,
    isErr: false,
    runId: null,
    ...body,
  }
}

function result(callId: string, output: ToolReturn['output'], changes: Partial<ToolReturn> = {}): ToolReturn {
  return { callId, name: 'add', status: 'success', output, time: 't', stdout: null, stderr: null, ...changes }
}
