import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { SUMMARY_PROMPTS } from '../../src/loop/compact/prompts.ts'
import { type MockProcess, startMockProcess } from '../mock-process.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { note, script, Talk, typesOf } from './talk.ts'

/** Registered defects of the old server's contexts and requests, each with what holds instead. */
let mock: MockProcess
let world: ServerWorld
beforeAll(async () => {
  mock = await startMockProcess()
  world = await openServerWorld({
    OPENAI_BASE_URL: `${mock.url}/v1`,
    ANTHROPIC_API_KEY: 'k',
    ANTHROPIC_BASE_URL: mock.url,
    GEMINI_API_KEY: 'k',
    GEMINI_BASE_URL: mock.url,
  })
})
afterAll(async () => {
  await world.close()
  await mock.stop()
})

const ALL = { compaction_settings: { model: 'openai-proxy/gpt-4o-mini', mode: 'all' } }
const bodyWith = async (words: string) => (await mock.log(words)).at(-1)?.body as JsonObject
type Asked = { messages: { role: string; content: string }[] }
const isSummary = ({ content }: JsonObject) => String(content).includes('"type": "system_alert"')

describe('a context that the provider finds too large', () => {
  // The window that the agent is given is larger than the model's, so that only the provider can tell.
  it.each(['openai-proxy/mock-ctx-2600', 'anthropic/mock-ctx-2600', 'google_ai/mock-ctx-2600'])(
    'D-03, D-80: %s: is made smaller, and what stands for it is kept and shown',
    async (model) => {
      const talk = await Talk.open(world, { ...ALL, model, include_base_tools: false, system: 'Be brief.' })
      await world.db
        .updateTable('agents')
        .set({
          llm_config: JSON.stringify({
            ...((await talk.state()).llm_config as JsonObject),
            context_window: 100_000,
          }),
        })
        .where('id', '=', talk.agent as never)
        .execute()
      await talk.say(`one ${'x'.repeat(5_000)}`)
      const { status, body } = await talk.say(`two ${'y'.repeat(5_000)}`)
      expect(status).toBe(200)
      expect(body.messages.map(isSummary)).toEqual([true, false])
      const views = await talk.list()
      const ids = (await talk.state()).message_ids as string[]
      // D-04: every message of the context is there; D-05: also the one that was not answered yet.
      expect(ids.every((id) => views.some((view) => view.id === id))).toBe(true)
      expect(ids).toContain(views.find(({ content }) => String(content).startsWith('two'))?.id)
      expect(ids).toContain(views.find(isSummary)?.id)
    },
  )

  it('D-111: a summary is a message like others to whoever asks for some types only', async () => {
    const talk = await Talk.open(world, ALL)
    await talk.say('one')
    const only = { include_return_message_types: ['assistant_message'] }
    const events = await talk.stream('[[usage 125000 50]] big', { ...only, include_pings: false })
    expect(typesOf(events)).toEqual(['assistant_message', 'stop_reason', 'usage_statistics', '[DONE]'])
    const { body } = await talk.say('[[usage 125000 50]] again', only)
    expect(typesOf(body.messages)).toEqual(['assistant_message'])
  })
})

describe('a compaction by hand', () => {
  const summarize = (talk: Talk, compaction_settings: JsonObject) =>
    world.ask('POST', `/v1/agents/${talk.agent}/summarize`, { compaction_settings })

  it.each(['self_compact_all', 'self_compact_sliding_window'])(
    'D-105: %s: a call in the place of a summary is none, and another mode is tried',
    async (mode) => {
      const talk = await Talk.open(world)
      for (const text of ['one', 'two', 'three']) await talk.say(text)
      const prompt = '[[call memory_insert {"label":"human","new_string":"by the summary"}]]'
      const { status, body } = await summarize(talk, { mode, prompt })
      expect(status).toBe(200)
      expect(body.summary).not.toBe('')
      expect(body.num_messages_after).toBeLessThan(body.num_messages_before)
      const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
      expect(value).toBe('Ann.')
    },
  )

  it('D-102: whose first summary leaves too much is made once more, with that summary and the words for all', async () => {
    const window = { context_window_limit: 20_000, include_base_tools: false, system: 'Be brief.' }
    const talk = await Talk.open(world, window)
    for (const turn of [1, 2, 3, 4, 5]) await talk.say(`turn ${turn} ${'x'.repeat(9_000)}`)
    const prompt = `[[say ${'unforgotten '.repeat(4_000)}]]`
    const model = 'openai-proxy/gpt-4o-mini'
    const { body } = await summarize(talk, { mode: 'self_compact_sliding_window', prompt, model })
    expect(body.num_messages_after).toBe(2)
    const sent = (await mock.log('unforgotten')).map(({ body }) => body as Asked)
    expect(sent).toHaveLength(2)
    const [system, transcript] = sent[1]?.messages ?? []
    expect(system?.content).toContain(SUMMARY_PROMPTS.all)
    expect(transcript?.content).toContain('unforgotten unforgotten')
    expect(transcript?.content).toContain('turn 5')
  })

  it('D-104: leaves the settings of the agent as they were', async () => {
    const talk = await Talk.open(world, { compaction_settings: { clip_chars: 4_000 } })
    await talk.say('one')
    await talk.say('two')
    await summarize(talk, { mode: 'all', prompt: 'In one word.' })
    const stored = await world.db
      .selectFrom('agents')
      .where('id', '=', talk.agent as never)
      .select('compaction_settings')
      .executeTakeFirstOrThrow()
    expect(stored.compaction_settings).toEqual({ clip_chars: 4_000 })
  })

  it('D-115: of nothing is nothing, and no failure', async () => {
    const talk = await Talk.open(world)
    const { status, body } = await world.ask('POST', `/v1/agents/${talk.agent}/summarize`, {})
    expect(status).toBe(200)
    expect(body).toMatchObject({ summary: '', num_messages_before: 1, num_messages_after: 1 })
  })
})

it('D-109: a compaction writes the prompt of its own conversation anew, and no other', async () => {
  const talk = await Talk.open(world, { ...ALL, prompt_refresh: 'deferred' })
  const conversation = (await world.ask('POST', `/v1/conversations/?agent_id=${talk.agent}`, {})).body.id
  const path = `/v1/conversations/${conversation}/messages`
  const send = (input: string) => world.ask('POST', path, { input, streaming: false })
  await send(script({ calls: [note('learnt here')] }, { say: 'Noted.' }))
  await send('[[usage 125000 50]] big')
  const first = async (list: string) => (await world.ask('GET', `${list}?order=asc&limit=1`)).body[0].content
  expect(await first(path)).toContain('learnt here')
  const own = (await talk.state()).message_ids as string[]
  const prompt = (await world.ask('GET', `/v1/messages/${own[0]}`)).body[0].content
  expect(prompt).not.toContain('learnt here')
})

describe('how large a context is', () => {
  it('D-98: counts what the tools of the step have given', async () => {
    const talk = await Talk.open(world)
    const { body } = await talk.say(script({ calls: [note('long '.repeat(2_000))] }), { max_steps: 1 })
    expect(body.usage.context_tokens).toBeGreaterThan(body.usage.total_tokens + 2_000)
  })

  it('D-103: counts the summary that stands for what was there', async () => {
    const prompt = `[[say ${'long '.repeat(4_000)}]]`
    const talk = await Talk.open(world, { compaction_settings: { mode: 'self_compact_all', prompt } })
    for (const text of ['one', 'two']) await talk.say(text)
    const shown = { include_compaction_messages: true, include_pings: false }
    const events = await talk.stream('[[usage 125000 50]] big', shown)
    const { compaction_stats } = events.find(({ message_type: type }) => type === 'summary_message') ?? {}
    expect((compaction_stats as JsonObject).context_tokens_after).toBeGreaterThan(4_000)
  })

  it('D-99: is known after an answer that no model call follows', async () => {
    const tool_rules = [
      { type: 'requires_approval', tool_name: 'memory_insert' },
      { type: 'exit_loop', tool_name: 'memory_insert' },
    ]
    const talk = await Talk.open(world, { tool_rules, include_base_tool_rules: false })
    const { body } = await talk.say(script({ calls: [note('long '.repeat(2_000))] }))
    const before = body.usage.context_tokens
    const answered = await talk.approve(body.messages.at(-1).tool_calls[0].tool_call_id)
    expect(answered.body.stop_reason.stop_reason).toBe('tool_rule')
    expect(answered.body.usage.context_tokens).toBeGreaterThan(before + 2_000)
  })
})

describe('what a provider is sent', () => {
  const SEARCH_OWED = { tool_rules: [{ type: 'required_before_exit', tool_name: 'conversation_search' }] }

  it('D-131: reminders of the loop reach Claude', async () => {
    const model = 'anthropic/claude-haiku-4-5'
    const talk = await Talk.open(world, { ...SEARCH_OWED, include_base_tool_rules: false, model })
    await talk.say(script({ say: 'reminded' }, { say: 'again' }, { say: 'still' }))
    const { messages } = (await bodyWith('reminded')) as { messages: { role: string; content: unknown }[] }
    const last = messages.at(-1)
    expect(last?.role).toBe('user')
    expect(JSON.stringify(last?.content)).toContain('conversation_search')
  })

  it('D-125: what the app says between is a whole event to Claude', async () => {
    const talk = await Talk.open(world, { model: 'anthropic/claude-haiku-4-5' })
    await talk.send([
      { role: 'system', content: 'the door is open' },
      { role: 'user', content: 'what now?' },
    ])
    const sent = JSON.stringify((await bodyWith('the door is open')).messages)
    expect(sent).toMatch(/<event>SYSTEM ALERT: .*the door is open.*<\/event>/)
  })

  it('D-126: a failed call is marked for Claude', async () => {
    const talk = await Talk.open(world, { model: 'anthropic/claude-haiku-4-5' })
    await talk.say(
      script(
        { calls: [{ name: 'memory_insert', args: { label: 'marked', new_string: 'x' } }] },
        { say: 'So.' },
      ),
    )
    expect(JSON.stringify((await bodyWith('marked')).messages)).toContain('"is_error":true')
  })

  it('D-90: Gemini’s instructions stand in their own place', async () => {
    const talk = await Talk.open(world, { model: 'google_ai/gemini-2.5-flash', system: 'Be brief, Gemini.' })
    await talk.say('to Gemini')
    const { systemInstruction, contents } = await bodyWith('to Gemini')
    expect(JSON.stringify(systemInstruction)).toContain('Be brief, Gemini.')
    expect(JSON.stringify(contents)).not.toContain('Be brief, Gemini.')
  })

  it('D-90: each of Gemini’s results has the name of its own tool, and a call’s words beside it are kept', async () => {
    const model = 'google_ai/gemini-2.5-flash'
    const talk = await Talk.open(world, { model, parallel_tool_calls: true })
    const search = { name: 'conversation_search', args: { query: 'names' } }
    const { body } = await talk.say(
      script({ say: 'Both.', calls: [note('named'), search] }, { say: 'Done.' }),
    )
    expect(JSON.stringify(body.messages)).toContain('"Both."')
    const { contents } = (await bodyWith('named')) as { contents: { parts: JsonObject[] }[] }
    const names = contents.flatMap(({ parts }) =>
      parts.flatMap((part) => (part.functionResponse as JsonObject | undefined)?.name ?? []),
    )
    expect(names).toEqual(['memory_insert', 'conversation_search'])
  })

  it.each(['openai-proxy/gpt-4o-mini', 'anthropic/claude-haiku-4-5', 'google_ai/gemini-2.5-flash'])(
    'D-90: %s: a text that looks like a call is a text',
    async (model) => {
      const talk = await Talk.open(world, { model })
      const text = '{"name": "memory_insert", "args": {"label": "human", "new_string": "x"}}'
      const { body } = await talk.say(script({ say: text }))
      expect(typesOf(body.messages).filter((type) => type !== 'reasoning_message')).toEqual([
        'assistant_message',
      ])
      expect(body.messages.at(-1).content).toBe(text)
    },
  )
})
