import { describe, expect, it } from 'vitest'
import { packHeartbeat, packSummary } from './envelope.ts'
import type { MessageId } from './id.ts'
import type { AssistantPart, Message, MessageBody, MessageHead, ToolCall, ToolReturn } from './message.ts'
import { filterViews, isNudge, isOutput, PLAIN_VIEWS, viewsOf } from './view.ts'

const ID: MessageId = 'message-123e4567-e89b-42d3-a456-4266141740ff'
const BARE = '123e4567-e89b-42d3-a456-4266141740'

describe('viewsOf', () => {
  it('shows the parts of an answer in their order, its calls last, with otids that count up', () => {
    const views = viewsOf(
      [
        assistant(
          [
            { type: 'reasoning', reasoning: 'Let ', isNative: true, signature: 'sig' },
            { type: 'reasoning', reasoning: 'me see.', isNative: true },
            { type: 'text', text: 'Storing ' },
            { type: 'text', text: 'now.' },
          ],
          [call('call_1', 'add'), call('call_2', 'add')],
        ),
      ],
      PLAIN_VIEWS,
    )
    expect(views).toMatchObject([
      { type: 'reasoning_message', reasoning: 'Let me see.', signature: 'sig', otid: `${BARE}80` },
      { type: 'assistant_message', content: 'Storing now.', otid: `${BARE}81` },
      { type: 'tool_call_message', toolCalls: [{ id: 'call_1' }, { id: 'call_2' }], otid: `${BARE}82` },
    ])
  })

  it('keeps the order of kinds when text and thinking alternate', () => {
    const views = viewsOf(
      [
        assistant([
          text('a'),
          { type: 'redacted_reasoning', data: 'x' },
          text('b'),
          { type: 'omitted_reasoning' },
        ]),
      ],
      PLAIN_VIEWS,
    )
    expect(views.map((view) => view.type)).toEqual([
      'assistant_message',
      'hidden_reasoning_message',
      'assistant_message',
      'hidden_reasoning_message',
    ])
  })

  it('joins the pieces of a summarised thought by a blank line and skips it when there are none', () => {
    const thought = (summary: string[]): AssistantPart => ({
      type: 'summarized_reasoning',
      id: 'rs_1',
      summary,
    })
    expect(viewsOf([assistant([thought([]), text('hi')])], PLAIN_VIEWS)).toMatchObject([{ content: 'hi' }])
    expect(viewsOf([assistant([thought(['one', 'two'])])], PLAIN_VIEWS)).toMatchObject([
      { reasoning: 'one\n\ntwo', source: 'reasoner_model' },
    ])
  })

  it('does not change the message that it shows', () => {
    const message = assistant([text('a'), text('b')], [call('call_1', 'add'), call('call_2', 'add')])
    const before = structuredClone(message)
    viewsOf([message], PLAIN_VIEWS)
    expect(message).toEqual(before)
  })

  it('gives an approval request its own id as otid and counts its text like any answer', () => {
    const request = message({
      role: 'approval_request',
      content: [text('May I?')],
      toolCalls: [call('call_1', 'rm')],
    })
    expect(viewsOf([request], PLAIN_VIEWS)).toMatchObject([
      { type: 'assistant_message', otid: `${BARE}80` },
      { type: 'approval_request_message', otid: ID, toolCalls: [{ id: 'call_1' }] },
    ])
  })

  it('shows an answer to an approval without a step and with the otid that the client gave', () => {
    const response: MessageBody = {
      role: 'approval_response',
      answers: [{ type: 'approval', callId: 'call_1', approve: true, reason: null }],
    }
    const own = { stepId: 'step-1', runId: 'run-1' } as const
    expect(viewsOf([message(response, own)], PLAIN_VIEWS)).toMatchObject([
      { otid: null, stepId: null, runId: 'run-1' },
    ])
    expect(viewsOf([message(response, { ...own, otid: 'mine' })], PLAIN_VIEWS)).toMatchObject([
      { otid: 'mine' },
    ])
  })

  it('keeps the otid that a client gave to a message, whatever its role', () => {
    const views = viewsOf(
      [
        message({ role: 'user', content: [text('hi')] }, { otid: 'u' }),
        message({ role: 'system', content: [text('note')] }, { otid: 's' }),
        message({ role: 'assistant', content: [text('I said')], toolCalls: [] }, { otid: 'a' }),
      ],
      PLAIN_VIEWS,
    )
    expect(views.map((view) => view.otid)).toEqual(['u', 's', 'a'])
  })

  it('opens an old envelope around a user text and leaves other envelopes as they are', () => {
    const wrapped = JSON.stringify({ type: 'user_message', message: 'hello', time: 't' })
    const login = JSON.stringify({ type: 'login', last_login: 'never', time: 't' })
    const views = viewsOf([user(wrapped), user(login), user('{"a":1}')], PLAIN_VIEWS)
    expect(views).toMatchObject([{ content: 'hello' }, { content: login }, { content: '{"a":1}' }])
  })

  it('shows parts with an image as parts', () => {
    const content = [
      text('see'),
      { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AA==' } },
    ]
    const message_ = message({ role: 'user', content } as MessageBody)
    expect(viewsOf([message_], PLAIN_VIEWS)).toMatchObject([{ type: 'user_message', content }])
  })
})

describe('a summary', () => {
  const stats = {
    trigger: 'post_step_context_check',
    contextTokensBefore: 118_000,
    contextTokensAfter: null,
    contextWindow: 128_000,
    messagesCountBefore: 40,
    messagesCountAfter: 28,
  }
  const packed = packSummary('what was said', 't', stats)

  it('looks like a user message with the packed text, and has the otid that was stored', () => {
    expect(viewsOf([message({ role: 'summary', content: [text(packed)] })], PLAIN_VIEWS)).toMatchObject([
      { type: 'user_message', content: packed, otid: null },
    ])
  })

  it('is plain text with its numbers for callers who asked for compaction messages', () => {
    const options = { ...PLAIN_VIEWS, compactionMessages: true }
    expect(viewsOf([message({ role: 'summary', content: [text(packed)] })], options)).toMatchObject([
      { type: 'summary_message', summary: 'what was said', stats, otid: `${BARE}80` },
    ])
    expect(viewsOf([message({ role: 'summary', content: [text('no envelope')] })], options)).toMatchObject([
      { summary: 'no envelope', stats: null },
    ])
  })
})

describe('an agent that answers through a tool', () => {
  const options = {
    ...PLAIN_VIEWS,
    textIs: 'reasoning_message',
    foldedTool: { name: 'send_message', argument: 'message' },
  } as const

  it('shows its plain text as thinking and the tool’s argument as the answer, around other calls', () => {
    const say = { ...call('call_2', 'send_message'), arguments: '{"message":"hi"}' }
    const calls = [call('call_1', 'add'), say, call('call_3', 'add')]
    expect(viewsOf([assistant([text('thinking')], calls)], options)).toMatchObject([
      { type: 'reasoning_message', source: 'non_reasoner_model', reasoning: 'thinking' },
      { type: 'tool_call_message', toolCalls: [{ id: 'call_1' }] },
      { type: 'assistant_message', content: 'hi' },
      { type: 'tool_call_message', toolCalls: [{ id: 'call_3' }] },
    ])
  })

  it('hides that tool’s return only, not its neighbours in the same row', () => {
    const returns = [result('call_1', 'send_message'), result('call_2', 'add')]
    expect(viewsOf([message({ role: 'tool', returns })], options)).toMatchObject([
      { type: 'tool_return_message', returns: [{ callId: 'call_2' }] },
    ])
    expect(viewsOf([message({ role: 'tool', returns: returns.slice(0, 1) })], options)).toEqual([])
  })

  it('shows the call and its failure when the argument is missing', () => {
    const failed: ToolReturn = { ...result('call_1', 'send_message'), status: 'error' }
    const messages = [
      assistant([], [call('call_1', 'send_message')]),
      message({ role: 'tool', returns: [failed] }),
    ]
    expect(viewsOf(messages, options).map((view) => view.type)).toEqual([
      'tool_call_message',
      'tool_return_message',
    ])
  })
})

describe('what answers and streams show', () => {
  it('leaves out the input and the loop’s nudges, which lists show', () => {
    const nudge = user(packHeartbeat('go on', 't'))
    expect(isNudge(nudge)).toBe(true)
    expect(isNudge(user('hello'))).toBe(false)
    expect([nudge, user('hello'), assistant([text('hi')])].map(isOutput)).toEqual([false, false, true])
    expect(viewsOf([nudge], PLAIN_VIEWS)).toMatchObject([{ type: 'user_message' }])
  })

  it('leaves the types that were asked for, and all when none were', () => {
    const views = viewsOf([user('hello'), assistant([text('hi')])], PLAIN_VIEWS)
    expect(filterViews(views, ['assistant_message']).map((view) => view.type)).toEqual(['assistant_message'])
    expect(filterViews(views, null)).toEqual(views)
    expect(filterViews(views, [])).toEqual(views)
  })
})

function message(body: MessageBody, head: Partial<MessageHead> = {}): Message {
  const blank: MessageHead = {
    id: ID,
    otid: null,
    createdAt: '2026-03-02T09:15:04.120331Z',
    stepId: null,
    runId: null,
    senderId: null,
    groupId: null,
    name: null,
    isErr: false,
    model: null,
  }
  return { ...blank, ...head, ...body }
}

function assistant(content: AssistantPart[], toolCalls: ToolCall[] = []): Message {
  return message({ role: 'assistant', content, toolCalls })
}

function user(content: string): Message {
  return message({ role: 'user', content: [text(content)] })
}

function text(content: string) {
  return { type: 'text' as const, text: content }
}

function call(id: string, name: string): ToolCall {
  return { id, name, arguments: '{}' }
}

function result(callId: string, name: string): ToolReturn {
  return { callId, name, status: 'success', output: 'ok', time: 't', stdout: null, stderr: null }
}
