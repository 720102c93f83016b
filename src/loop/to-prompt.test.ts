import { describe, expect, it } from 'vitest'
import { packHeartbeat, packSummary } from '../domain/envelope.ts'
import type {
  AssistantPart,
  Message,
  MessageBody,
  MessageHead,
  ToolCall,
  ToolReturn,
  UserPart,
} from '../domain/message.ts'
import type { PromptMessage } from '../domain/model.ts'
import { toPrompt } from './to-prompt.ts'

const OPTIONS = { toolReturnCharsMax: 5_000 }
const IMAGE: UserPart = { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'AA==' } }

describe('toPrompt', () => {
  it('leaves out the system message and passes words, thoughts and envelopes on', () => {
    const thought: AssistantPart = { type: 'reasoning', reasoning: 'hm', isNative: true, signature: 's' }
    const prompt = prompted([
      user('hi'),
      assistant([thought, text('hello')]),
      user(packHeartbeat('go on', 't')),
    ])
    expect(prompt).toEqual([
      { role: 'user', content: [text('hi')] },
      { role: 'assistant', content: [thought, text('hello')], toolCalls: [], model: null },
      { role: 'user', content: [text(packHeartbeat('go on', 't'))] },
    ])
  })

  it('leaves out nothing that is in front in the place of the system message', () => {
    const said = [user('hi'), assistant([text('hello')]), user('and?')]
    expect(toPrompt(said, OPTIONS)).toEqual(prompted(said))
  })

  it('packs results, flags failures and keeps objects objects', () => {
    const prompt = prompted([
      user('go'),
      calls('a', 'b'),
      results(returned('a', { output: { n: 1 } }), returned('b', { status: 'error', output: 'no' })),
    ])
    expect(prompt[2]).toEqual({
      role: 'tool',
      results: [
        {
          callId: 'a',
          name: 'tool',
          failed: false,
          content: '{\n  "status": "OK",\n  "message": {\n    "n": 1\n  },\n  "time": "t"\n}',
        },
        {
          callId: 'b',
          name: 'tool',
          failed: true,
          content: '{\n  "status": "Failed",\n  "message": "no",\n  "time": "t"\n}',
        },
      ],
    })
  })

  it('cuts a long result between characters and says how much is missing', () => {
    const output: UserPart[] = [{ type: 'text', text: '😀'.repeat(12) }, IMAGE]
    const [, , tool] = toPrompt([system(), user('go'), calls('a'), results(returned('a', { output }))], {
      toolReturnCharsMax: 10,
    })
    expect(tool).toMatchObject({
      results: [{ content: [{ text: `${'😀'.repeat(10)}... [truncated 2 chars]` }, IMAGE] }],
    })
    const long = results(returned('b', { output: 'x'.repeat(6_000) }))
    expect(contentOf(prompted([user('go'), calls('b'), long]))).toMatch(
      /x{4000,}\.\.\. \[truncated \d+ chars\]$/,
    )
  })

  it('gives a client’s texts as one text when there is no image', () => {
    const output: UserPart[] = [text('one'), text('two')]
    expect(contentOf(prompted([user('go'), calls('a'), results(returned('a', { output }))]))).toBe('one\ntwo')
  })

  it('says in a client’s parts that the call failed, as the envelope of a text does', () => {
    const failed = (output: UserPart[]) =>
      prompted([user('go'), calls('a'), results(returned('a', { status: 'error', output }))])[2]
    const result = (content: string | UserPart[]) => ({
      role: 'tool',
      results: [{ callId: 'a', name: 'tool', failed: true, content }],
    })
    expect(failed([text('no')])).toEqual(result('[This call failed.]\nno'))
    expect(failed([IMAGE])).toEqual(result([text('[This call failed.]'), IMAGE]))
    expect(failed([])).toEqual(result('[This call failed.]'))
  })

  it('keeps a later system message apart from what the user wrote', () => {
    const note = message({ role: 'system', content: [text('a note')] })
    expect(prompted([user('hi'), note])[1]).toEqual({ role: 'system', text: 'a note' })
  })

  it('drops blank texts and messages that have nothing else', () => {
    expect(prompted([user(' '), user('hi'), assistant([text('\n')]), user('ho')])).toEqual([
      { role: 'user', content: [text('hi')] },
      { role: 'user', content: [text('ho')] },
    ])
  })

  it('lets a user speak first', () => {
    expect(prompted([assistant([text('hello')]), user('hi')]).map((item) => item.role)).toEqual([
      'user',
      'assistant',
      'user',
    ])
    expect(rolesOf([calls('a'), results(returned('a'))])).toEqual(['user', 'assistant', 'tool'])
  })
})

describe('a broken history', () => {
  it('gets a failed result for a call that was never answered, before the next answer and at the end', () => {
    const prompt = prompted([user('go'), calls('a'), assistant([text('hm')]), calls('b')])
    expect(prompt.map((item) => item.role)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
      'assistant',
      'tool',
    ])
    expect(prompt[2]).toMatchObject({ results: [{ callId: 'a', failed: true }] })
    expect(prompt[5]).toMatchObject({ results: [{ callId: 'b', failed: true }] })
  })

  it('loses results that nobody called for and second results of one call', () => {
    const messages = [
      user('go'),
      results(returned('x')),
      calls('a'),
      results(returned('a'), returned('a', { output: '2' })),
    ]
    expect(prompted([...messages, results(returned('a'))])).toMatchObject([
      { role: 'user' },
      { role: 'assistant' },
      { role: 'tool', results: [{ callId: 'a', content: expect.stringContaining('"ok"') }] },
    ])
  })

  it('has what came between a call and its result moved behind it', () => {
    const messages = [
      user('go'),
      calls('a', 'b'),
      results(returned('a')),
      user('wait'),
      results(returned('b')),
      user('on'),
    ]
    expect(prompted(messages)).toMatchObject([
      { role: 'user' },
      { role: 'assistant' },
      { role: 'tool', results: [{ callId: 'a' }, { callId: 'b' }] },
      { role: 'user', content: [text('wait')] },
      { role: 'user', content: [text('on')] },
    ])
  })

  it('gets a new id for a call whose id an earlier answer has used, and its result follows', () => {
    const turn = (output: string) => [calls('call_0'), results(returned('call_0', { output }))]
    const prompt = prompted([user('go'), ...turn('one'), ...turn('two')])
    expect(prompt.slice(1)).toMatchObject([
      { toolCalls: [{ id: 'call_0' }] },
      { results: [{ callId: 'call_0', content: expect.stringContaining('one') }] },
      { toolCalls: [{ id: 'call_0_2' }] },
      { results: [{ callId: 'call_0_2', content: expect.stringContaining('two') }] },
    ])
  })

  it('keeps only the first of two calls with one id in one answer', () => {
    expect(prompted([user('go'), calls('a', 'a'), results(returned('a'))])[1]).toMatchObject({
      toolCalls: [{ id: 'a' }],
    })
  })
})

describe('an approval', () => {
  const half = () => calls('a')
  const request = () =>
    message({ role: 'approval_request', content: [text('May I?')], toolCalls: [call('b')] })
  const response = () => message({ role: 'approval_response', answers: [] })

  it('is one answer with its half, followed by all results', () => {
    const prompt = prompted([
      user('go'),
      half(),
      request(),
      response(),
      results(returned('b'), returned('a')),
    ])
    expect(prompt.slice(1)).toMatchObject([
      { role: 'assistant', content: [text('May I?')], toolCalls: [{ id: 'a' }, { id: 'b' }] },
      { role: 'tool', results: [{ callId: 'b' }, { callId: 'a' }] },
    ])
  })

  it('is one answer with thoughts that stand alone before it, of the same step', () => {
    const thought: AssistantPart = { type: 'reasoning', reasoning: 'hm', isNative: true, signature: 's' }
    const asks = message({ role: 'approval_request', content: [], toolCalls: [call('b')] })
    const after = [asks, response(), results(returned('b'))]
    expect(prompted([user('go'), assistant([thought]), ...after]).slice(1)).toMatchObject([
      { role: 'assistant', content: [thought], toolCalls: [{ id: 'b' }] },
      { role: 'tool', results: [{ callId: 'b' }] },
    ])
    const earlier = { ...assistant([text('hello')]), stepId: 'step-1' as const }
    expect(rolesOf([user('go'), earlier, ...after])).toEqual(['user', 'assistant', 'assistant', 'tool'])
  })

  it('is an answer of its own when the user or a result came before it', () => {
    const roles = ['user', 'assistant', 'tool', 'user', 'assistant', 'tool']
    expect(
      rolesOf([user('go'), half(), user('and?'), request(), response(), results(returned('b'))]),
    ).toEqual(roles)
    const late = [
      user('go'),
      calls('a', 'c'),
      results(returned('a')),
      request(),
      response(),
      results(returned('b')),
    ]
    expect(rolesOf(late)).toEqual(['user', 'assistant', 'tool', 'assistant', 'tool'])
  })

  it('is left out with its half while nobody has answered', () => {
    expect(rolesOf([user('go'), half(), request()])).toEqual(['user'])
    expect(rolesOf([user('go'), assistant([text('hm')]), request()])).toEqual(['user'])
    const earlier = { ...assistant([text('hm')]), stepId: 'step-1' as const }
    expect(rolesOf([user('go'), earlier, request()])).toEqual(['user', 'assistant'])
  })

  it('is left out when a summary stands in for it, and kept when its result came after all', () => {
    const summary = message({ role: 'summary', content: [text(packSummary('s', 't', null))] })
    expect(rolesOf([user('go'), request(), summary])).toEqual(['user', 'user'])
    expect(rolesOf([user('go'), request(), summary, response()])).toEqual(['user', 'user'])
    const answered = [user('go'), request(), summary, response(), results(returned('b'))]
    expect(rolesOf(answered)).toEqual(['user', 'assistant', 'tool', 'user'])
  })

  it('D-114: a user who speaks of alerts is a user', () => {
    const said = (words: string) =>
      rolesOf([user('go'), request(), user(words), response(), results(returned('b'))])
    expect(said('what is a "system_alert"?')).toEqual(said('what is that?'))
    expect(said('what is a "system_alert"?').filter((role) => role === 'tool')).toHaveLength(1)
  })
})

describe('the end of a prompt', () => {
  it('is no answer that consists of thinking only', () => {
    expect(rolesOf([user('go'), assistant([{ type: 'omitted_reasoning' }])])).toEqual(['user'])
  })
})

describe('what a provider refused', () => {
  it('is replaced by a note: images, or the text of results', () => {
    const picture = { ...message({ role: 'user', content: [text('see'), IMAGE] }), id: 'message-p' as const }
    const result = { ...results(returned('a', { output: 'bad' })), id: 'message-r' as const }
    const withheld = { images: new Set(['message-p']), results: new Set(['message-r']) }
    const prompt = toPrompt([system(), picture, calls('a'), result], { ...OPTIONS, withheld })
    expect(JSON.stringify(prompt)).not.toContain('AA==')
    expect(contentOf(prompt)).not.toContain('bad')
  })
})

/**
 * Goal: no history, however damaged, makes a prompt that a provider refuses.
 * Method: random turns, of which random rows are dropped, doubled or swapped, from fixed seeds.
 */
describe('any history', () => {
  it('makes a prompt that every provider takes, and stays as it is', () => {
    for (let seed = 0; seed < 2_000; seed++) {
      const random = randomFrom(seed)
      const history = damage(randomHistory(random), random)
      const before = structuredClone(history)
      const prompt = toPrompt([system(), ...history], OPTIONS)

      expect(problemsOf(prompt), `seed ${seed}`).toEqual([])
      expect(history).toEqual(before)
    }
  })

  it('loses no result of a history that is whole', () => {
    for (let seed = 0; seed < 100; seed++) {
      const history = randomHistory(randomFrom(seed))
      const stored = history.flatMap((item) => (item.role === 'tool' ? item.returns : []))
      const results = prompted(history).flatMap((item) => (item.role === 'tool' ? item.results : []))
      expect(results).toHaveLength(stored.length)
      expect(results.filter((result) => result.failed)).toEqual([])
    }
  })
})

/** What a provider would refuse in a prompt. */
function problemsOf(prompt: PromptMessage[]): string[] {
  const ids = prompt.flatMap((item) =>
    item.role === 'assistant' ? item.toolCalls.map((call) => call.id) : [],
  )
  const problems = new Set(ids).size === ids.length ? [] : ['a call id is used twice']
  if (['assistant', 'tool'].includes(prompt[0]?.role ?? 'user')) problems.push('the agent speaks first')
  for (const [index, item] of prompt.entries()) {
    const next = prompt[index + 1]
    if (item.role === 'user' && item.content.length === 0) problems.push('an empty user message')
    if (item.role === 'assistant') {
      if (item.toolCalls.length === 0 && !item.content.some((part) => part.type === 'text'))
        problems.push('an empty answer')
      const called = item.toolCalls.map((call) => call.id).sort()
      const answered = next?.role === 'tool' ? next.results.map((result) => result.callId).sort() : []
      if (called.join() !== answered.join()) problems.push(`calls ${called} have results ${answered}`)
    }
    if (item.role === 'tool' && prompt[index - 1]?.role !== 'assistant')
      problems.push('results without calls')
  }
  return problems
}

/** Turns as the loop stores them. Ids of calls start again in some turns, as those of local models do. */
function randomHistory(random: () => number): Message[] {
  return Array.from({ length: 1 + Math.floor(random() * 6) }, (_, turn) => randomTurn(random, turn)).flat()
}

function randomTurn(random: () => number, turn: number): Message[] {
  const ids = Array.from({ length: Math.floor(random() * 4) }, (_, index) =>
    random() < 0.3 ? `call_${index}` : `call_${turn}_${index}`,
  )
  const opening =
    random() < 0.8 ? [user(`turn ${turn}`)] : [message({ role: 'system', content: [text('note')] })]
  if (ids.length === 0) return [...opening, assistant([text('hello')])]
  const returns = ids.map((id) => returned(id)).sort(() => random() - 0.5)
  const closing = random() < 0.5 ? [assistant([text('done')])] : []
  if (random() < 0.5) return [...opening, calls(...ids), results(...returns), ...closing]
  const held = ids.slice(-1).map(call)
  const besides = ids.length > 1 ? [calls(...ids.slice(0, -1))] : []
  const request = message({ role: 'approval_request', content: [], toolCalls: held })
  const response = message({ role: 'approval_response', answers: [] })
  return [...opening, ...besides, request, response, results(...returns), ...closing]
}

function damage(history: Message[], random: () => number): Message[] {
  const damaged = history.flatMap((item) => {
    const fate = random()
    if (fate < 0.2) return []
    return fate < 0.25 ? [item, structuredClone(item)] : [item]
  })
  const at = Math.floor(random() * damaged.length)
  const swapped = damaged.splice(at, 1)
  damaged.splice(Math.floor(random() * damaged.length), 0, ...swapped)
  return damaged
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function prompted(messages: Message[]): PromptMessage[] {
  return toPrompt([system(), ...messages], OPTIONS)
}

function rolesOf(messages: Message[]): string[] {
  return prompted(messages).map((item) => item.role)
}

/** The content of the first result. */
function contentOf(prompt: PromptMessage[]): string {
  const tool = prompt.find((item) => item.role === 'tool')
  const content = tool?.results[0]?.content
  return typeof content === 'string' ? content : ''
}

function message(body: MessageBody): Message {
  const head: MessageHead = {
    id: 'message-123e4567-e89b-42d3-a456-426614174000',
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
  return { ...head, ...body }
}

function system(): Message {
  return message({ role: 'system', content: [text('You are a helper.')] })
}

function user(content: string): Message {
  return message({ role: 'user', content: [text(content)] })
}

function assistant(content: AssistantPart[]): Message {
  return message({ role: 'assistant', content, toolCalls: [] })
}

function calls(...ids: string[]): Message {
  return message({ role: 'assistant', content: [], toolCalls: ids.map(call) })
}

function call(id: string): ToolCall {
  return { id, name: 'tool', arguments: '{}' }
}

function results(...returns: ToolReturn[]): Message {
  return message({ role: 'tool', returns })
}

function returned(callId: string, changes: Partial<ToolReturn> = {}): ToolReturn {
  return {
    callId,
    name: 'tool',
    status: 'success',
    output: 'ok',
    time: 't',
    stdout: null,
    stderr: null,
    ...changes,
  }
}

function text(content: string) {
  return { type: 'text' as const, text: content }
}
