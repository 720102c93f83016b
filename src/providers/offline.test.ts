import { describe, expect, it } from 'vitest'
import type { ModelDelta, ModelReply, ModelRequest, PromptMessage } from '../domain/model.ts'
import { OFFLINE_LISTING, OfflineModel } from './offline.ts'

const HUMAN = '<memory_blocks>\n<human>\n</human>\n</memory_blocks>'

describe('the offline model', () => {
  it('says that it is not a language model, and what it was told', async () => {
    const { text } = await ask({ said: 'Hello there' })
    expect(text).toContain('not a language model')
    expect(text).toContain('Hello there')
  })

  it('gives its text word by word, and the same text at the end', async () => {
    const { deltas, text } = await ask({ said: 'Hello there', stream: true })
    expect(deltas.length).toBeGreaterThan(20)
    expect(deltas.map((delta) => (delta.type === 'text_delta' ? delta.text : '')).join('')).toBe(text)
  })

  it.each([
    ['remember that I like tea', 'I like tea'],
    ['Please remember I like tea.', 'I like tea.'],
    ['My name is Ada. And yours?', "The user's name is Ada."],
  ])('asked “%s”, it calls a memory tool', async (said, fact) => {
    const { call } = await ask({ said, tools: ['conversation_search', 'memory_insert'] })
    expect(call).toEqual({ name: 'memory_insert', arguments: { label: 'human', new_string: fact } })
  })

  it('uses the older memory tool where there is no other, and a block that the agent has', async () => {
    const { call } = await ask({
      said: 'Remember that the sky is blue',
      tools: ['core_memory_append'],
      system: '<memory_blocks>\nBlocks:\n<facts>\n</facts>\n</memory_blocks>',
    })
    expect(call).toEqual({
      name: 'core_memory_append',
      arguments: { label: 'facts', content: 'the sky is blue' },
    })
  })

  it('says which tool it misses', async () => {
    const { call, text } = await ask({ said: 'Remember that the sky is blue' })
    expect(call).toBeUndefined()
    expect(text).toContain('memory_insert')
  })

  it('searches the history', async () => {
    const { call } = await ask({ said: 'What did I say about tea?', tools: ['conversation_search'] })
    expect(call).toEqual({ name: 'conversation_search', arguments: { query: 'tea' } })
  })

  it('tells what a tool answered', async () => {
    expect((await afterTool({ failed: false, message: 'The block was edited' })).text).toContain('Done')
    expect((await afterTool({ failed: true, message: 'denied' })).text).toContain('did not work: denied')
  })

  it('gives every call an id of its own', async () => {
    const asked = { said: 'Remember that the sky is blue', tools: ['memory_insert'] }
    const ids = [await ask(asked), await ask(asked)].map(({ reply }) => reply.ok && reply.toolCalls[0]?.id)
    expect(new Set(ids).size).toBe(2)
  })

  it('stops when it is told to', async () => {
    const abort = new AbortController()
    const stream = new OfflineModel().stream(requestOf({ said: 'Slowly, please' }), abort.signal)
    await stream.next()
    abort.abort()
    const last = await stream.next()
    expect(last).toMatchObject({ done: true, value: { ok: false, failure: { kind: 'aborted' } } })
  })
})

type Asked = {
  said?: string
  messages?: PromptMessage[]
  tools?: string[]
  system?: string
  stream?: boolean
}

function requestOf(asked: Asked): ModelRequest {
  const { said = '', tools = [], system = HUMAN, stream = false } = asked
  return {
    config: OFFLINE_LISTING.config,
    system,
    messages: asked.messages ?? [{ role: 'user', content: [{ type: 'text', text: said }] }],
    tools: tools.map((name) => ({ name, description: '', parameters: {} })),
    toolChoice: { type: 'auto' },
    parallelToolCalls: false,
    stream,
    user: null,
  }
}

async function ask(asked: Asked) {
  const stream = new OfflineModel().stream(requestOf(asked), new AbortController().signal)
  const deltas: ModelDelta[] = []
  for (let next = await stream.next(); ; next = await stream.next()) {
    if (next.done) return { deltas, reply: next.value, ...readReply(next.value) }
    deltas.push(next.value)
  }
}

function readReply(reply: ModelReply) {
  if (!reply.ok) throw new Error(reply.failure.message)
  const [call] = reply.toolCalls
  const [part] = reply.content
  return {
    text: part?.type === 'text' ? part.text : '',
    call: call && { name: call.name, arguments: JSON.parse(call.arguments) as unknown },
  }
}

function afterTool({ failed, message }: { failed: boolean; message: string }) {
  const content = JSON.stringify({ status: failed ? 'Failed' : 'OK', message })
  return ask({
    messages: [{ role: 'tool', results: [{ callId: 'call_1', name: 'memory_insert', content, failed }] }],
  })
}
