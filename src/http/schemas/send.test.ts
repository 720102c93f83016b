import { describe, expect, it } from 'vitest'
import { Fault } from '../../domain/fault.ts'
import {
  ConversationMessageRequest,
  decodeSend,
  LettaAsyncRequest,
  LettaRequest,
  LettaStreamingRequest,
} from './send.ts'

const MESSAGES = [{ role: 'user', content: 'hi' }]

describe('the body of a request to an agent', () => {
  it('has defaults for all but what is said', () => {
    expect(decodeSend(LettaStreamingRequest.parse({ messages: MESSAGES }))).toEqual({
      items: [expect.objectContaining({ type: 'message', role: 'user' })],
      stepsMax: 50,
      useAssistantMessage: true,
      assistantToolName: 'send_message',
      assistantToolKwarg: 'message',
      returnTypes: null,
      clientTools: [],
      clientSkills: [],
      overrideModel: null,
      overrideSystem: null,
      includeCompactionMessages: false,
      returnLogprobs: false,
      topLogprobs: null,
      returnTokenIds: false,
      streaming: false,
      streamTokens: false,
      includePings: true,
      background: false,
      agentId: null,
      callbackUrl: null,
    })
  })

  it.each([
    [[...MESSAGES, { type: 'approval', approvals: [] }], 'messages[1]: an item of type approval'],
    [[{ type: 'approval', approvals: [] }, ...MESSAGES, { type: 'tool_return', tool_returns: [] }], '[2]'],
    [
      [
        { type: 'approval', approvals: [] },
        { approve: true, approval_request_id: 'message-1' },
      ],
      '[1]',
    ],
  ])('refuses an answer that is not the first item: %j', (messages, place) => {
    const body = LettaRequest.parse({ messages })
    expect(() => decodeSend(body)).toThrow(Fault)
    expect(() => decodeSend(body)).toThrow(place)
  })

  it('takes tools and skills of the client, a model and a system text for this request', () => {
    const body = LettaRequest.parse({
      input: 'hi',
      client_tools: [
        { name: 'look' },
        { name: 'read', description: 'Reads', parameters: { type: 'object' } },
      ],
      client_skills: [{ name: 's', description: 'd', location: 'l' }],
      include_return_message_types: ['assistant_message'],
      override_model: 'openai/gpt',
      system: 'Be brief.',
    })
    expect(decodeSend(body)).toMatchObject({
      clientTools: [
        { name: 'look', description: '', parameters: { type: 'object', properties: {} } },
        { name: 'read', description: 'Reads', parameters: { type: 'object' } },
      ],
      clientSkills: [{ name: 's', description: 'd', location: 'l' }],
      returnTypes: ['assistant_message'],
      overrideModel: 'openai/gpt',
      overrideSystem: 'Be brief.',
    })
  })

  it.each([
    [{}, "Must specify either 'input' or 'messages'."],
    [{ messages: null, input: null }, "Must specify either 'input' or 'messages'."],
    [{ input: 'x', messages: MESSAGES }, "Cannot specify both 'input' and 'messages'. Use one or the other."],
  ])('says something in exactly one way, unlike %j', (body, message) => {
    for (const schema of [
      LettaRequest,
      LettaStreamingRequest,
      ConversationMessageRequest,
      LettaAsyncRequest,
    ]) {
      expect(schema.safeParse(body).error?.issues).toMatchObject([{ message }])
    }
  })

  it.each([
    { max_steps: 0 },
    { max_steps: 1.5 },
    { include_return_message_types: ['nope'] },
    { client_tools: [{}] },
    { top_logprobs: 21 },
    { messages: 'x' },
  ])('is refused by the schema with %j', (fields) => {
    expect(LettaRequest.safeParse({ messages: MESSAGES, ...fields }).success).toBe(false)
  })

  it('ignores fields that it does not know', () => {
    expect(LettaRequest.safeParse({ messages: MESSAGES, enable_thinking: 'true', other: 1 }).success).toBe(
      true,
    )
  })

  it('has at least one message', () => {
    const empty = new Fault('unprocessable', 'Messages must not be empty')
    expect(() => decodeSend(LettaRequest.parse({ messages: [] }))).toThrow(empty)
  })
})

describe('the stream options of a body', () => {
  it.each([{ stream_tokens: true }, { background: true }, { include_pings: false }])(
    'are refused as %j when the answer is no stream',
    (options) => {
      const body = LettaStreamingRequest.parse({ messages: MESSAGES, ...options })
      expect(() => decodeSend(body)).toThrow('Streaming options set without streaming enabled')
      expect(decodeSend({ ...body, streaming: true })).toMatchObject({ streaming: true })
    },
  )

  it('apply where the route streams whatever the body says', () => {
    const body = LettaStreamingRequest.parse({ messages: MESSAGES, stream_tokens: true, background: true })
    expect(decodeSend(body, true)).toMatchObject({ streaming: true, streamTokens: true, background: true })
  })

  it('are on for conversations unless the body says otherwise', () => {
    const body = ConversationMessageRequest.parse({ messages: MESSAGES, agent_id: 'agent-1' })
    expect(decodeSend(body)).toMatchObject({ streaming: true, agentId: 'agent-1' })
    expect(decodeSend({ ...body, streaming: false })).toMatchObject({ streaming: false })
  })

  it('do not exist for runs that nobody waits for', () => {
    const body = LettaAsyncRequest.parse({
      messages: MESSAGES,
      callback_url: 'https://a.test',
      stream_tokens: true,
    })
    expect(decodeSend(body)).toMatchObject({
      streaming: false,
      streamTokens: false,
      callbackUrl: 'https://a.test',
    })
  })
})
