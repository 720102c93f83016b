import { describe, expect, it } from 'vitest'
import type { Frame, ViewHead } from '../../domain/frame.ts'
import type { RunId } from '../../domain/id.ts'
import { chatChunkEncoder } from './chat-chunk.ts'

const HEAD = { id: 'message-1' } as ViewHead
const words = (text: string): Frame => ({
  kind: 'delta',
  head: HEAD,
  body: { type: 'assistant_message', text },
})

/** What a reader of these frames gets, parsed. */
function read(frames: Frame[]) {
  const encode = chatChunkEncoder('run-1' as RunId, 'gpt-4o-mini')
  const text = frames.map((frame, seq) => encode({ seq, frame })).join('')
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => JSON.parse(event.replace(/^data: /, '')))
}

describe('chatChunkEncoder', () => {
  it('gives the words, the role with the first of them, and an end', () => {
    const chunks = read([
      { kind: 'ping' },
      words('one '),
      words('two'),
      { kind: 'stop', stopReason: 'end_turn' },
    ])
    expect(chunks.map(({ choices }) => [choices[0].delta.role, choices[0].delta.content])).toEqual([
      ['assistant', 'one '],
      [null, 'two'],
      [null, null],
    ])
    expect(chunks.map(({ choices }) => choices[0].finish_reason)).toEqual([null, null, 'stop'])
    expect(chunks[0]).toMatchObject({
      id: 'chatcmpl-run-1',
      object: 'chat.completion.chunk',
      model: 'gpt-4o-mini',
    })
  })

  it('keeps thoughts and calls to itself', () => {
    const thought = { ...HEAD, type: 'reasoning_message', reasoning: 'hm' }
    expect(read([{ kind: 'message', view: thought } as Frame])).toEqual([])
  })

  it('tells a failure as OpenAI does', () => {
    const error = { errorType: 'llm_error', message: 'It failed.', detail: null, modelFailure: null }
    expect(read([{ kind: 'error', error }])).toEqual([
      { error: { message: 'It failed.', type: 'server_error' } },
    ])
  })
})
