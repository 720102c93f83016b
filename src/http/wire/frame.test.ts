import { describe, expect, it } from 'vitest'
import type { DeltaBody, Frame, RequestUsage, ViewHead } from '../../domain/frame.ts'
import { encodeFrame, encodePing, STREAM_END, toWireFrame, toWireUsage } from './frame.ts'

const RUN = 'run-1'
const USAGE: RequestUsage = {
  prompt: 812,
  completion: 40,
  total: 852,
  stepCount: 1,
  cachedInput: 0,
  cacheWrite: null,
  reasoning: null,
  contextTokens: 852,
  runIds: null,
}

describe('encodeFrame', () => {
  it('writes one event of JSON on one line', () => {
    expect(encode({ kind: 'stop', stopReason: 'end_turn' })).toBe(
      'data: {"message_type":"stop_reason","stop_reason":"end_turn","run_id":"run-1","seq_id":3}\n\n',
    )
  })

  it('gives an error the name that official clients throw on', () => {
    const error = { errorType: 'llm_error', message: 'It failed.', detail: 'why\nnot', modelFailure: null }
    expect(encode({ kind: 'error', error })).toBe(
      'event: error\ndata: {"message_type":"error_message","run_id":"run-1","error_type":"llm_error","message":"It failed.","detail":"why\\nnot","seq_id":3}\n\n',
    )
  })

  it('writes pings with the last number, and ends with the word that clients wait for', () => {
    expect(encodePing(9, RUN)).toMatch(
      /^data: \{"id":"ping-[0-9a-f-]{36}","date":"[^"]+\+00:00",.*"message_type":"ping"/,
    )
    expect(encodePing(9, RUN)).toContain('"seq_id":9,"run_id":"run-1"}')
    expect(STREAM_END).toBe('data: [DONE]\n\n')
  })
})

describe('toWireFrame', () => {
  it('puts run and number on every kind of frame', () => {
    const frames: Frame[] = [
      { kind: 'ping' },
      { kind: 'message', view: { ...head(), type: 'assistant_message', content: 'hi', signature: null } },
      { kind: 'delta', head: head(), body: { type: 'assistant_message', text: 'h' } },
      { kind: 'stop', stopReason: 'error' },
      {
        kind: 'error',
        error: { errorType: 'internal_error', message: 'm', detail: null, modelFailure: null },
      },
      { kind: 'usage', usage: USAGE },
    ]
    for (const frame of frames) {
      expect(toWireFrame({ seq: 3, frame }, RUN)).toMatchObject({ run_id: RUN, seq_id: 3 })
    }
  })

  it.each<[DeltaBody, object]>([
    [{ type: 'assistant_message', text: 'hi' }, { content: 'hi' }],
    [
      { type: 'reasoning_message', source: 'reasoner_model', text: 'hm', signature: null },
      { source: 'reasoner_model', reasoning: 'hm', signature: null },
    ],
    [
      { type: 'hidden_reasoning_message', state: 'omitted', hiddenReasoning: null },
      { state: 'omitted', hidden_reasoning: null },
    ],
  ])('writes the new piece of %j', (body, expected) => {
    const wire = toWireFrame({ seq: 3, frame: { kind: 'delta', head: head(), body } }, RUN)
    expect(wire).toMatchObject({ message_type: body.type, otid: 'otid', ...expected })
  })

  it.each(['tool_call_message', 'approval_request_message'] as const)(
    'writes of a piece of a %s only what it brings, twice, and not as a list',
    (type) => {
      const first: DeltaBody = { type, callId: 'call_1', name: 'add', arguments: null }
      const opening = { name: 'add', tool_call_id: 'call_1' }
      expect(callOf(first)).toEqual([opening, opening])
      const next: DeltaBody = { type, callId: 'call_1', name: null, arguments: '{"a"' }
      const piece = { arguments: '{"a"', tool_call_id: 'call_1' }
      expect(callOf(next)).toEqual([piece, piece])
    },
  )
})

describe('toWireUsage', () => {
  it('writes the numbers of a request, 0 where a provider that reports its cache says nothing', () => {
    expect(toWireUsage(USAGE)).toEqual({
      message_type: 'usage_statistics',
      completion_tokens: 40,
      prompt_tokens: 812,
      total_tokens: 852,
      step_count: 1,
      run_ids: null,
      cached_input_tokens: 0,
      cache_write_tokens: 0,
      reasoning_tokens: 0,
      context_tokens: 852,
    })
  })
})

function encode(frame: Frame): string {
  return encodeFrame({ seq: 3, frame }, RUN)
}

function callOf(body: DeltaBody): unknown[] {
  const wire = toWireFrame({ seq: 3, frame: { kind: 'delta', head: head(), body } }, RUN)
  return [wire.tool_call, wire.tool_calls]
}

function head(): ViewHead {
  return {
    id: 'message-123e4567-e89b-42d3-a456-426614174000',
    createdAt: '2026-03-02T09:15:04.120331Z',
    name: null,
    otid: 'otid',
    senderId: null,
    stepId: 'step-1',
    isErr: false,
    runId: null,
  }
}
