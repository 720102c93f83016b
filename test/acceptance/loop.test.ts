import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { MessageId } from '../../src/domain/id.ts'
import type { JsonObject } from '../../src/domain/json.ts'
import { replaceContext } from '../../src/store/contexts.ts'
import { MOCK_MODEL, openServerWorld, type ServerWorld } from '../server-world.ts'
import { call, note, script, Talk, typesOf } from './talk.ts'

/** The loop's acceptance list: messages, rules and failures, seen through the front door. */
let world: ServerWorld
beforeAll(async () => {
  // Claude is not asked here, only prepared for.
  world = await openServerWorld({ ANTHROPIC_API_KEY: 'k', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' })
})
afterAll(() => world.close())

const PARALLEL = { parallel_tool_calls: true }

describe('acceptance: loop and messages', () => {
  it('1: a plain turn stores user, then assistant; a stream ends with stop_reason, usage, [DONE]', async () => {
    const talk = await Talk.open(world)
    const events = await talk.stream('hello', { stream_tokens: true, include_pings: false })
    expect([...new Set(typesOf(events))]).toEqual([
      'assistant_message',
      'stop_reason',
      'usage_statistics',
      '[DONE]',
    ])
    expect(typesOf(await talk.list())).toEqual(['system_message', 'user_message', 'assistant_message'])
  })

  it('2: otids of one row end in consecutive indexes; listed and streamed otids are equal', async () => {
    const talk = await Talk.open(world)
    const turns = script({ say: 'Wait.', calls: [note('tea')] }, { say: 'Done.' })
    const events = await talk.stream(turns, { stream_tokens: true, include_pings: false })
    const streamed = new Set(events.flatMap(({ otid }) => (otid ? [String(otid)] : [])))
    const listed = (await talk.list()).slice(2)
    expect([...streamed]).toEqual(listed.map(({ otid }) => otid))
    const [first, second] = listed.map(({ otid }) => Number.parseInt(String(otid).slice(-2), 16) & 0x7f)
    expect([first, second]).toEqual([0, 1])
  })

  it('3: three parallel calls: one message with three calls, one with three returns', async () => {
    const talk = await Talk.open(world, PARALLEL)
    const { body } = await talk.say(script({ calls: [note('a'), note('b'), note('c')] }, { say: 'Done.' }))
    expect(typesOf(body.messages)).toEqual(['tool_call_message', 'tool_return_message', 'assistant_message'])
    expect(body.messages[0].tool_calls).toHaveLength(3)
    expect(body.messages[1].tool_returns).toHaveLength(3)
  })

  it('4: a failure on the second turn leaves the agent usable and the context as it was', async () => {
    const talk = await Talk.open(world)
    await talk.say('one')
    const before = (await talk.state()).message_ids
    expect((await talk.say('[[error 400]] two')).status).toBe(400)
    expect((await talk.state()).message_ids).toEqual(before)
    expect((await talk.say('three')).body.messages[0].content).toBe('echo: three')
    expect((await talk.list()).map(({ content }) => content)).not.toContain('[[error 400]] two')
    expect((await talk.list('order=asc&include_err=true')).map(({ content }) => content)).toContain(
      '[[error 400]] two',
    )
  })

  it.each([
    ['on_change', true],
    ['deferred', false],
  ])('5: a memory edit with %s is visible to the next step: %s', async (prompt_refresh, isVisible) => {
    const talk = await Talk.open(world, { prompt_refresh })
    const word = `word-${prompt_refresh}`
    await talk.say(script({ calls: [note(word)] }, { say: 'Done.' }))
    await talk.say(`what about ${prompt_refresh}?`)
    const messages = talk.requestWith(`what about ${prompt_refresh}?`).messages as { content: string }[]
    expect(messages[0]?.content.includes(word)).toBe(isVisible)
  })

  it.each([
    ['anthropic/claude-haiku-4-5', 'letta_v1_agent', true],
    ['anthropic/claude-haiku-4-5', 'memgpt_v2_agent', true],
    ['anthropic/claude-haiku-4-5', 'memgpt_agent', false],
    [MOCK_MODEL, 'letta_v1_agent', false],
  ])('6: line numbers for %s and %s: %s', async (model, agent_type, areThere) => {
    const talk = await Talk.open(world, { model, agent_type })
    const [prompt] = await talk.list('order=asc&limit=1')
    expect(String(prompt?.content).includes('\n1→ Ann.')).toBe(areThere)
    expect(String(prompt?.content).includes('\nAnn.\n')).toBe(!areThere)
  })

  it('6: no blocks compile to an empty section', async () => {
    const talk = await Talk.open(world, { memory_blocks: [], system: 'Be brief.' })
    const [prompt] = await talk.list('order=asc&limit=1')
    expect(String(prompt?.content)).not.toContain('memory_blocks')
    expect(String(prompt?.content)).toMatch(/^Be brief\.\n+<memory_metadata>/)
  })

  it('7: order=desc is the newest page, oldest first', async () => {
    const talk = await Talk.open(world)
    await talk.say('one')
    await talk.say('two')
    const views = await talk.list('order=desc&limit=2')
    expect(views.map(({ content }) => content)).toEqual(['two', 'echo: two'])
  })

  it('each request begins with the one before it, and the step tells what of it the provider had in its cache', async () => {
    const talk = await Talk.open(world, { system: 'Be brief. '.repeat(800) })
    const sent: string[] = []
    const runs: string[] = []
    for (const word of ['first words', 'second words', 'third words']) {
      const { body } = await talk.say(word)
      runs.push(body.messages[0].run_id)
      sent.push(JSON.stringify(talk.requestWith(word).messages).slice(0, -1))
    }
    expect(sent[1]?.startsWith(sent[0] ?? '?')).toBe(true)
    expect(sent[2]?.startsWith(sent[1] ?? '?')).toBe(true)
    const [step] = (await world.ask('GET', `/v1/runs/${runs[2]}/steps`)).body
    expect(step.cached_input_tokens).toBeGreaterThan(1_000)
    expect(step.prompt_tokens_details.cached_tokens).toBe(step.cached_input_tokens)
  })

  const place = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const response_format = { type: 'json_schema', json_schema: { name: 'place', schema: place } }

  it('an answer has the form that the model’s settings ask for, until they ask for none', async () => {
    const talk = await Talk.open(world, { model_settings: { provider_type: 'openai', response_format } })
    const { body } = await talk.say('where?')
    expect(JSON.parse(body.messages.at(-1).content)).toHaveProperty('city')
    await world.ask('PATCH', `/v1/agents/${talk.agent}`, { model_settings: { provider_type: 'openai' } })
    expect((await talk.say('and now?')).body.messages.at(-1).content).toBe('echo: and now?')
  })

  it('an agent that speaks through a tool is given the form as that tool’s parameter', async () => {
    const talk = await Talk.open(world, { agent_type: 'memgpt_v2_agent', response_format })
    await talk.say('where to?')
    const tools = talk.requestWith('where to?').tools as {
      function: { name: string; parameters: JsonObject }
    }[]
    const spoken = tools.find((tool) => tool.function.name === 'send_message')?.function.parameters
    expect(spoken?.properties).toMatchObject({ message: place })
  })

  it('what an answer holds is what was said in it, not what was sent', async () => {
    const talk = await Talk.open(world)
    const { body } = await talk.send([
      { role: 'assistant', content: 'I said so.' },
      { role: 'user', content: 'and you?' },
    ])
    expect(body.messages).toMatchObject([{ content: 'echo: and you?' }])
  })
})

describe('acceptance: rules', () => {
  const rules = (...tool_rules: object[]) => ({ include_base_tool_rules: false, tool_rules }) as never

  it('8: max_count 2: exactly two executions, the third is a violation', async () => {
    const talk = await Talk.open(
      world,
      rules({ type: 'max_count_per_step', tool_name: 'memory_insert', max_count_limit: 2 }),
    )
    const turns = ['a', 'b', 'c'].map((text) => ({ calls: [note(text)] }))
    const { body } = await talk.say(script(...turns, { say: 'Done.' }))
    const returns = body.messages.filter((view: { tool_return?: string }) => view.tool_return !== undefined)
    expect(returns.map(({ status }: { status: string }) => status)).toEqual(['success', 'success', 'error'])
    expect(returns[2].tool_return).toMatch(/^\[ToolConstraintError\]/)
  })

  it('9: after an approval in between, run_first is not forced again', async () => {
    const talk = await Talk.open(
      world,
      rules(
        { type: 'run_first', tool_name: 'memory_insert' },
        { type: 'requires_approval', tool_name: 'memory_insert' },
      ),
    )
    const { body } = await talk.say(script({ calls: [note('tea')] }, { say: 'Noted.' }))
    const answered = await talk.approve(body.messages[0].tool_calls[0].tool_call_id)
    expect(answered.body.messages.at(-1).content).toBe('Noted.')
    expect(answered.body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('10: a terminal tool with an outstanding required tool continues; without one stops with tool_rule', async () => {
    const talk = await Talk.open(
      world,
      rules(
        { type: 'exit_loop', tool_name: 'memory_insert' },
        { type: 'required_before_exit', tool_name: 'conversation_search' },
      ),
    )
    const search = call('conversation_search', { query: 'x' })
    const { body } = await talk.say(
      script({ calls: [note('a')] }, { calls: [search] }, { calls: [note('b')] }, { say: 'never' }),
    )
    expect(body.usage.step_count).toBe(3)
    expect(body.stop_reason.stop_reason).toBe('tool_rule')
  })

  it('12: an empty intersection offers nothing, and a turn that has to call something ends there', async () => {
    const talk = await Talk.open(
      world,
      rules(
        { type: 'constrain_child_tools', tool_name: 'memory_insert', children: ['memory_insert'] },
        { type: 'max_count_per_step', tool_name: 'memory_insert', max_count_limit: 1 },
      ),
    )
    const { body } = await talk.say(script({ calls: [note('starved')] }, { say: 'What now?' }))
    expect(body.messages.at(-1).content).toBe('What now?')
    expect(body.stop_reason.stop_reason).toBe('invalid_tool_call')
    expect(talk.requestWith('starved').tools ?? []).toEqual([])
    await talk.say('What was that?')
    expect(JSON.stringify(talk.requestWith('What was that?'))).toContain('demand a call now and allow none')
  })

  it('a turn that a system message starts has a history of its own', async () => {
    const rule = { type: 'max_count_per_step', tool_name: 'memory_insert', max_count_limit: 1 }
    const talk = await Talk.open(world, rules(rule))
    await talk.say(script({ calls: [note('a')] }, { say: 'Done.' }))
    await talk.send([{ role: 'system', content: 'it is a new day' }])
    const offered = talk.requestWith('it is a new day').tools as { function: { name: string } }[]
    expect(offered.map((tool) => tool.function.name)).toContain('memory_insert')
  })

  it('a required tool that was never called: the model is reminded, and the turn ends in the end', async () => {
    const talk = await Talk.open(
      world,
      rules({ type: 'required_before_exit', tool_name: 'conversation_search' }),
    )
    const { body } = await talk.say(script({ say: 'a' }, { say: 'b' }, { say: 'c' }, { say: 'd' }))
    expect(body.messages.map(({ content }: { content: string }) => content)).toEqual(['a', 'b', 'c'])
  })
})

describe('acceptance: failures', () => {
  it('32: malformed arguments are an error result, never `{}`', async () => {
    const talk = await Talk.open(world)
    const { body } = await talk.say('[[call memory_insert {"label": oops]]')
    expect(body.messages[1]).toMatchObject({ message_type: 'tool_return_message', status: 'error' })
    expect(body.messages[1].tool_return).toContain('not valid JSON')
  })

  it('32: arguments with `}{` inside a string are what they are', async () => {
    const talk = await Talk.open(world)
    await talk.say(script({ calls: [note('a }{ b')] }, { say: 'Done.' }))
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value).toContain('a }{ b')
  })

  it('32: a call that was cut off is not executed', async () => {
    const talk = await Talk.open(world)
    await talk.say('[[call memory_insert {"label":"human","new_string":"a long text"}]] [[length]]')
    const { value } = (await world.ask('GET', `/v1/agents/${talk.agent}/core-memory/blocks/human`)).body
    expect(value).toBe('Ann.')
  })

  it('an answer with nothing in it is not stored, and the next one is', async () => {
    const talk = await Talk.open(world)
    const empty = await talk.say('[[error empty]]')
    expect(empty.status).toBe(200)
    expect(empty.body.messages).toEqual([])
    expect(typesOf(await talk.list())).toEqual(['system_message', 'user_message'])
    expect((await talk.say('hello')).body.messages).toMatchObject([{ content: 'echo: hello' }])
  })

  it('D-84: an answer that was cut at its limit says so, on every way of asking', async () => {
    const talk = await Talk.open(world)
    const cut = '[[length]] [[say This is the first half and this is the second one.]]'
    const { body } = await talk.say(cut)
    expect(body.stop_reason.stop_reason).toBe('max_tokens_exceeded')
    expect(body.messages.at(-1).content).toMatch(/^This is the first half/)
    for (const stream_tokens of [true, false]) {
      const events = await talk.stream(`${cut} ${stream_tokens}`, { stream_tokens, include_pings: false })
      expect(events.at(-3)?.stop_reason).toBe('max_tokens_exceeded')
    }
    expect((await talk.state()).last_stop_reason).toBe('max_tokens_exceeded')
  })

  it('a stream of whole messages asks again after trouble in the middle, one of tokens does not', async () => {
    const talk = await Talk.open(world)
    const text = (word: string) => `[[error midstream once]] [[say One answer, from the beginning.]] ${word}`
    const whole = await talk.stream(text('whole'), { include_pings: false })
    expect(whole[0]?.content).toBe('One answer, from the beginning.')
    const tokens = await talk.stream(text('tokens'), { stream_tokens: true, include_pings: false })
    expect(typesOf(tokens)).toContain('error_message')
    expect(tokens.filter(({ content }) => String(content).startsWith('One'))).toHaveLength(1)
  })

  it('33: a call that has lost its result is closed in the next request', async () => {
    const talk = await Talk.open(world)
    const { body } = await talk.say(script({ calls: [note('tea')] }, { say: 'Noted.' }))
    const lost = body.messages[1].id
    const ids = (await talk.state()).message_ids as string[]
    const message_ids = ids.filter((id) => id !== lost)
    expect(message_ids).toHaveLength(ids.length - 1)
    await world.ask('PATCH', `/v1/agents/${talk.agent}`, { message_ids })
    expect((await talk.say('does it go on?')).body.messages.at(-1).content).toBe('echo: does it go on?')
    const sent = talk.requestWith('does it go on?').messages as { role: string; tool_call_id?: string }[]
    const [{ tool_call_id }] = body.messages[0].tool_calls
    expect(sent.find(({ role }) => role === 'tool')).toMatchObject({ tool_call_id })
  })

  it('a block that an earlier version has left without a label is edited under the one that the agent sees', async () => {
    const talk = await Talk.open(world)
    const path = `/v1/agents/${talk.agent}/core-memory/blocks/human`
    const { id } = (await world.ask('GET', path)).body
    await world.db.updateTable('blocks').set({ label: null }).where('id', '=', id).execute()
    const { body } = await talk.say(script({ calls: [note('Likes tea.')] }, { say: 'Noted.' }))
    expect(body.messages[1]).toMatchObject({ message_type: 'tool_return_message', status: 'success' })
    expect((await world.ask('GET', path)).body.value).toContain('Likes tea.')
  })

  describe('a context whose system message an earlier version has left out', () => {
    const broken = async () => {
      const talk = await Talk.open(world, { system: 'Be brief.' })
      for (const text of ['one', 'two', 'three']) await talk.say(text)
      const [system, ...rest] = (await talk.state()).message_ids as [string, ...string[]]
      const scope = await world.db
        .selectFrom('conversations')
        .where('agent_id', '=', talk.agent as never)
        .selectAll()
        .executeTakeFirstOrThrow()
      await replaceContext(world.db, scope, rest as MessageId[], { stored: 0 })
      expect((await talk.state()).message_ids).toEqual(rest)
      return { talk, system, rest }
    }
    const wordsOf = ({ messages }: JsonObject) =>
      (messages as JsonObject[]).map(({ role, content }) => `${role}: ${content}`)

    it('has it again with the next turn, and loses nothing', async () => {
      const { talk, system, rest } = await broken()
      expect((await talk.say('four')).status).toBe(200)
      const [prompt, ...said] = wordsOf(talk.requestWith('four'))
      expect(prompt).toMatch(/^system: Be brief\..*<human>/s)
      expect(said).toEqual([
        ...['one', 'two', 'three'].flatMap((text) => [`user: ${text}`, `assistant: echo: ${text}`]),
        'user: four',
      ])
      const ids = (await talk.state()).message_ids as string[]
      expect(ids.slice(0, -2)).toEqual([system, ...rest])
    })

    it('is shown with a prompt, and nothing is written by looking', async () => {
      const { talk, rest } = await broken()
      const path = `/v1/agents/${talk.agent}`
      const preview = await world.ask('POST', `${path}/messages/preview-raw-payload`, { input: 'what?' })
      expect(wordsOf(preview.body)).toHaveLength(rest.length + 2)
      expect(wordsOf(preview.body)[0]).toMatch(/^system: Be brief\./)
      expect((await world.ask('GET', `${path}/context`)).body.core_memory).toContain('<human>')
      expect((await talk.state()).message_ids).toEqual(rest)
    })

    it.each([
      ['PATCH', 'reset-messages', 1],
      ['POST', 'recompile', 7],
      ['POST', 'summarize', 2],
    ])('has it back by %s %s, over no other message', async (method, act, length) => {
      const { talk, system } = await broken()
      const model = 'openai-proxy/gpt-4o-mini'
      const body = act === 'summarize' ? { compaction_settings: { mode: 'all', model } } : {}
      expect((await world.ask(method, `/v1/agents/${talk.agent}/${act}`, body)).status).toBeLessThan(300)
      const ids = (await talk.state()).message_ids as string[]
      expect(ids).toHaveLength(length)
      expect(ids[0]).toBe(system)
      const listed = (await talk.list()).filter(({ message_type: type }) => type === 'user_message')
      expect(listed.slice(0, 3).map(({ content }) => content)).toEqual(['one', 'two', 'three'])
    })
  })

  it.each([
    ['401', 401],
    ['429 after=60', 429],
    ['quota', 402],
    ['500', 500],
  ])('34: a provider that says %s is a %i, in the run as in the answer', async (kind, status) => {
    const talk = await Talk.open(world)
    expect((await talk.say(`[[error ${kind}]]`)).status).toBe(status)
    const events = await talk.stream(`[[error ${kind}]] again`, { include_pings: false })
    expect(typesOf(events)).toEqual(['stop_reason', 'error_message', 'usage_statistics', '[DONE]'])
    expect((await talk.state()).last_stop_reason).toBe('llm_api_error')
    expect((await talk.say('hello')).status).toBe(200)
  })
})
