import { describe, expect, it } from 'vitest'
import { Fault } from '../../domain/fault.ts'
import { MessageInput } from '../schemas/message-input.ts'
import { decodeInput, decodeSugar } from './message-input.ts'

const PLAIN = { name: null, senderId: null, otid: null, groupId: null }

describe('a message of a request', () => {
  it('needs no type, and keeps what the client said of it', () => {
    expect(decode({ role: 'user', content: 'hi' })).toEqual({
      type: 'message',
      role: 'user',
      content: [{ type: 'text', text: 'hi' }],
      ...PLAIN,
    })
    const said = {
      type: null,
      role: 'system',
      content: 'hi',
      name: 'ann',
      otid: 'o',
      sender_id: 's',
      group_id: 'g',
    }
    expect(decode(said)).toMatchObject({
      role: 'system',
      name: 'ann',
      otid: 'o',
      senderId: 's',
      groupId: 'g',
    })
  })

  it('can be a bare text or bare parts', () => {
    const content = [{ type: 'text' as const, text: 'hi' }]
    expect(decodeSugar('hi')).toEqual(decodeSugar(content))
    expect(decodeSugar('hi')).toMatchObject({ role: 'user', content, ...PLAIN })
  })

  it.each([
    { content: 'x' },
    { role: 'user' },
    { role: 'tool', content: 'x' },
    { role: 'user', content: 5 },
    { role: 'user', content: [{ type: 'nope' }] },
    { role: 'user', content: [{ type: 'image', source: { type: 'base64' } }] },
    { type: 'approval', approvals: 'x' },
    { type: 'approval', approvals: [{ type: 'approval', tool_call_id: 'call_1' }] },
    { type: 'tool_return' },
    { type: 'nope', role: 'user', content: 'x' },
    'text',
    null,
  ])('is refused by the schema as %j', (body) => {
    expect(MessageInput.safeParse(body).success).toBe(false)
  })

  it.each([
    [{ role: 'user', content: '' }, 'Message content is empty or invalid'],
    [{ role: 'user', content: [] }, 'Message content is empty or invalid'],
    [
      { role: 'user', content: [{ type: 'omitted_reasoning' }] },
      'Message content of the role user can hold text and images, not omitted_reasoning',
    ],
    [
      { role: 'assistant', content: [image({ type: 'url', url: 'https://a.test/b.png' })] },
      'Message content of the role assistant can hold text, not image',
    ],
    [
      { role: 'user', content: [image({ type: 'url', url: 'file:///etc/passwd' })] },
      'Image URLs must begin with http:, https: or data:',
    ],
    [
      { role: 'user', content: [image({ type: 'url', url: 'data:text/plain,%' })] },
      'Image data URL is malformed',
    ],
    [
      { role: 'user', content: [image({ type: 'letta', file_id: 'file-1' })] },
      'Image file-1 has no data, and no such file is stored',
    ],
  ])('is refused with 400 as %j', (body, message) => {
    expect(() => decode(body)).toThrow(new Fault('bad_request', message))
  })
})

describe('an image of a request', () => {
  it.each([
    [
      { type: 'url', url: 'https://a.test/b.png' },
      { type: 'url', url: 'https://a.test/b.png' },
    ],
    [
      { type: 'url', url: 'data:image/png;base64,AA==' },
      { type: 'base64', mediaType: 'image/png', data: 'AA==' },
    ],
    [
      { type: 'url', url: 'data:;base64,AA==' },
      { type: 'base64', mediaType: 'image/jpeg', data: 'AA==' },
    ],
    [
      { type: 'url', url: 'data:image/svg+xml;charset=utf-8,%3Csvg/%3E' },
      { type: 'base64', mediaType: 'image/svg+xml', data: Buffer.from('<svg/>').toString('base64') },
    ],
    [
      { type: 'base64', media_type: 'image/gif', data: 'AA==', detail: 'low' },
      { type: 'base64', mediaType: 'image/gif', data: 'AA==', detail: 'low' },
    ],
    [
      { type: 'letta', file_id: 'file-1', data: 'AA==', media_type: null },
      { type: 'base64', mediaType: 'image/jpeg', data: 'AA==' },
    ],
  ])('given as %j is kept as %j', (source, expected) => {
    expect(decode({ role: 'user', content: [image(source)] })).toMatchObject({
      content: [{ source: expected }],
    })
  })
})

describe('an answer to an approval', () => {
  it('holds decisions and results', () => {
    const approvals = [
      { type: 'approval', tool_call_id: 'call_1', approve: false, reason: 'no' },
      { type: 'tool', tool_call_id: 'call_2', tool_return: 'text', status: 'error', stderr: ['trace'] },
    ]
    expect(decode({ type: 'approval', approvals, otid: 'o' })).toEqual({
      type: 'answer',
      otid: 'o',
      groupId: null,
      answers: [
        { type: 'approval', callId: 'call_1', approve: false, reason: 'no' },
        { type: 'tool', callId: 'call_2', output: 'text', status: 'error', stdout: null, stderr: ['trace'] },
      ],
    })
  })

  it('is known without its type by the deprecated fields, which are one decision', () => {
    expect(decode({ approve: true, approval_request_id: 'message-1' })).toMatchObject({
      type: 'answer',
      answers: [{ type: 'approval', callId: 'message-1', approve: true, reason: null }],
    })
  })

  it.each([{ type: 'approval' }, { type: 'approval', approve: true }, { type: 'approval', approvals: [] }])(
    'is empty as %j, for admission to refuse',
    (body) => {
      expect(decode(body)).toMatchObject({ type: 'answer', answers: [] })
    },
  )

  it('can be a list of results, whose images are PNG unless they say otherwise', () => {
    const parts = [{ type: 'text', text: 'see' }, image({ type: 'url', url: 'data:;base64,AA==' })]
    const tool_returns = [{ tool_call_id: 'call_1', tool_return: parts, status: 'success' }]
    expect(decode({ type: 'tool_return', tool_returns })).toMatchObject({
      type: 'answer',
      answers: [
        {
          type: 'tool',
          callId: 'call_1',
          output: [
            { type: 'text', text: 'see' },
            { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AA==' } },
          ],
        },
      ],
    })
  })
})

function decode(body: unknown) {
  return decodeInput(MessageInput.parse(body))
}

function image(source: object) {
  return { type: 'image', source }
}
