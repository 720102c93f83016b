import type { LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { describe, expect, it } from 'vitest'
import { joined, requestOf, user } from '../../test/provider-world.ts'
import { answerBodies } from '../domain/answer-view.ts'
import type { AssistantPart } from '../domain/message.ts'
import type { LlmConfig } from '../domain/model.ts'
import { ANTHROPIC_DIALECT, anthropic } from './anthropic.ts'
import { StreamDecoder } from './decode-stream.ts'
import { encodePrompt } from './encode-prompt.ts'

/** Thinking that a provider hides: what is kept of it, what a reader sees, and what goes back. */
function decoded(parts: LanguageModelV4StreamPart[]) {
  const decoder = new StreamDecoder(anthropic)
  const deltas = parts.flatMap((part) => decoder.add(part))
  return { deltas, content: decoder.result.content }
}

/** The assistant's parts as they stand in the next request of a model. */
function sentBack(content: AssistantPart[], model: string) {
  const config = { model: 'claude-x' } as LlmConfig
  const [, , message] = encodePrompt(
    requestOf(config, [user('hello'), { role: 'assistant', content, toolCalls: [], model }]),
    ANTHROPIC_DIALECT,
  )
  return message?.content
}

describe('thinking', () => {
  it('of several blocks keeps each block with its own proof, whitespace and all', () => {
    const { content, deltas } = decoded([
      { type: 'reasoning-start', id: '0' },
      { type: 'reasoning-delta', id: '0', delta: '\n ' },
      { type: 'reasoning-delta', id: '0', delta: 'one \n' },
      { type: 'reasoning-delta', id: '0', delta: '', providerMetadata: { anthropic: { signature: 'S1' } } },
      { type: 'reasoning-end', id: '0' },
      { type: 'reasoning-start', id: '1' },
      { type: 'reasoning-delta', id: '1', delta: 'two' },
      { type: 'reasoning-delta', id: '1', delta: '', providerMetadata: { anthropic: { signature: 'S2' } } },
      { type: 'reasoning-end', id: '1' },
    ])
    expect(content).toEqual([
      { type: 'reasoning', reasoning: '\n one \n', isNative: true, signature: 'S1' },
      { type: 'reasoning', reasoning: 'two', isNative: true, signature: 'S2' },
    ])
    expect(deltas.map((delta) => ('text' in delta ? delta.text : null))).toEqual(['\n ', 'one \n', 'two'])
    expect(sentBack(content, 'claude-x')).toMatchObject([
      { type: 'reasoning', text: '\n one \n', providerOptions: { anthropic: { signature: 'S1' } } },
      { type: 'reasoning', text: 'two', providerOptions: { anthropic: { signature: 'S2' } } },
    ])
  })

  it('that is redacted is shown as hidden, and goes back as it came', () => {
    const { content, deltas } = decoded([
      { type: 'reasoning-start', id: '0', providerMetadata: { anthropic: { redactedData: 'opaque' } } },
      { type: 'reasoning-end', id: '0' },
    ])
    expect(content).toEqual([{ type: 'redacted_reasoning', data: 'opaque' }])
    expect(deltas).toEqual([{ type: 'reasoning_hidden', state: 'redacted', data: 'opaque' }])
    expect(sentBack(content, 'claude-x')).toMatchObject([
      { type: 'reasoning', text: '', providerOptions: { anthropic: { redactedData: 'opaque' } } },
    ])
  })

  it('that is omitted is shown as hidden, and its proof goes back', () => {
    const { content, deltas } = decoded([
      { type: 'reasoning-start', id: '0' },
      { type: 'reasoning-delta', id: '0', delta: '', providerMetadata: { anthropic: { signature: 'S' } } },
      { type: 'reasoning-end', id: '0' },
    ])
    expect(content).toEqual([{ type: 'omitted_reasoning', signature: 'S' }])
    expect(deltas).toEqual([{ type: 'reasoning_hidden', state: 'omitted', data: null }])
    expect(sentBack(content, 'claude-x')).toMatchObject([
      { type: 'reasoning', text: '', providerOptions: { anthropic: { signature: 'S' } } },
    ])
  })

  it('of another model is left out', () => {
    const parts: AssistantPart[] = [
      { type: 'reasoning', reasoning: 'hm', isNative: true, signature: 'S' },
      { type: 'redacted_reasoning', data: 'opaque' },
      { type: 'omitted_reasoning', signature: 'S' },
      { type: 'summarized_reasoning', id: 'rs_1', summary: ['hm'] },
      { type: 'text', text: 'Yes.' },
    ]
    expect(sentBack(parts, 'gpt-x')).toEqual([{ type: 'text', text: 'Yes.' }])
  })

  it('without a proof is left out: the provider would refuse it', () => {
    const part: AssistantPart = { type: 'reasoning', reasoning: 'hm', isNative: true }
    expect(sentBack([part, { type: 'text', text: 'Yes.' }], 'claude-x')).toEqual([
      { type: 'text', text: 'Yes.' },
    ])
  })
})

it('D-153: the pieces of a summary of thoughts are shown as far apart as lists show them', () => {
  const openai = { itemId: 'rs_1' }
  const piece = (id: string, ...texts: string[]): LanguageModelV4StreamPart[] => [
    { type: 'reasoning-start', id, providerMetadata: { openai } },
    ...texts.map((delta) => ({ type: 'reasoning-delta' as const, id, delta, providerMetadata: { openai } })),
    { type: 'reasoning-end', id, providerMetadata: { openai } },
  ]
  const { deltas, content } = decoded([
    ...piece('rs_1:0', 'First, ', 'this.'),
    ...piece('rs_1:1', 'Then ', 'that.'),
  ])
  const [body] = answerBodies(content, 'assistant_message')
  expect(body).toMatchObject({ reasoning: 'First, this.\n\nThen that.' })
  expect(joined(deltas, 'reasoning_delta')).toBe('First, this.\n\nThen that.')
})
