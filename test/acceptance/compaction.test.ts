import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { JsonObject } from '../../src/domain/json.ts'
import { openServerWorld, type ServerWorld } from '../server-world.ts'
import { note, script, Talk, typesOf } from './talk.ts'

/** Contexts that become too large. Goal: they shrink or the turn says why; what was asked for stays. */
let world: ServerWorld
beforeAll(async () => {
  world = await openServerWorld()
})
afterAll(() => world.close())

const SETTINGS = { compaction_settings: { model: 'openai-proxy/gpt-4o-mini', mode: 'all' } }
const SHOWN = { include_compaction_messages: true, include_pings: false }

type Asked = { messages: { role: string }[] }

async function talked(turns: number, more = {}) {
  const talk = await Talk.open(world, { ...SETTINGS, ...more })
  for (let turn = 1; turn <= turns; turn++) await talk.say(`turn ${turn}`)
  return talk
}

describe('acceptance: compaction', () => {
  it('24: overflow on the first attempt compacts, retries, answers; the input survives', async () => {
    const talk = await talked(2, { model: 'openai-proxy/mock-ctx-2600' })
    await talk.say('x'.repeat(3_000))
    const { status, body } = await talk.say(`${'y'.repeat(3_000)} the end`)
    expect(status).toBe(200)
    expect(body.messages.at(-1).content).toMatch(/^echo: y/)
    const ids = (await talk.state()).message_ids as string[]
    const asked = (await talk.list()).find(({ content }) => String(content).endsWith('the end'))
    expect(ids).toContain(asked?.id)
  })

  it('25: mode `all` leaves two rows after a turn, and the next turn is answered', async () => {
    const talk = await talked(2)
    await talk.say('[[usage 125000 50]] big')
    expect((await talk.state()).message_ids).toHaveLength(2)
    expect((await talk.say('and now?')).body.messages[0].content).toBe('echo: and now?')
  })

  it('26: in the middle of a turn the newest user message stays, and every call has its result', async () => {
    const talk = await talked(2)
    const turns = script({ calls: [note('unheard of')], usage: [125_000, 50] })
    await talk.say(turns, { max_steps: 2 })
    const asked = world.mock.log({ contains: 'unheard of' }).map(({ body }) => body as Asked)
    const roles = asked.map(({ messages }) => messages.map(({ role }) => role).join())
    // The prompt, the summary, and the message that the turn is about.
    expect(roles).toContain('system,user,user')
  })

  it('in the middle of a turn forgets no call: a rule that counts them goes on counting', async () => {
    const rule = { type: 'max_count_per_step', tool_name: 'memory_insert', max_count_limit: 1 }
    const talk = await talked(2, { tool_rules: [rule], include_base_tool_rules: false })
    const turns = script({ calls: [note('counted')], usage: [125_000, 50] })
    const { body } = await talk.say(turns, { max_steps: 2 })
    const returns = body.messages.filter((view: { tool_return?: string }) => view.tool_return !== undefined)
    expect(returns.map(({ status }: { status: string }) => status)).toEqual(['success', 'error'])
  })

  it('27: a system prompt larger than the window: the run fails and says so', async () => {
    const talk = await Talk.open(world, {
      model: 'openai-proxy/mock-ctx-8000',
      system: 'word '.repeat(8_000),
    })
    const events = await talk.stream('hello', { include_pings: false })
    expect(events[0]?.stop_reason).toBe('context_window_overflow_in_system_prompt')
    const [run] = (await world.ask('GET', `/v1/runs/?agent_id=${talk.agent}`)).body
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'context_window_overflow_in_system_prompt' })
  })

  it('28: stats: counts and tokens are there, also when the first step sets it off', async () => {
    const talk = await talked(2)
    const events = await talk.stream('[[usage 125000 50]] big', SHOWN)
    expect(typesOf(events)).toEqual([
      'assistant_message',
      'event_message',
      'summary_message',
      'stop_reason',
      'usage_statistics',
      '[DONE]',
    ])
    expect(events[2]?.compaction_stats).toMatchObject({
      trigger: 'post_step_context_check',
      context_tokens_before: 125_050,
      context_tokens_after: expect.any(Number),
      messages_count_before: 7,
      messages_count_after: 2,
    })
    expect(events[2]?.step_id).toBe(events[0]?.step_id)
  })

  it('D-111: an answer tells of a compaction as a stream does', async () => {
    const talk = await talked(2)
    const run = async (stream: boolean) => {
      const text = `[[usage 125000 50]] ${stream}`
      if (!stream) return (await talk.say(text, { include_compaction_messages: true })).body.messages
      return (await talk.stream(text, SHOWN)).slice(0, -3)
    }
    const shapes = (views: JsonObject[]) =>
      views.map(({ message_type, event_data }) => ({ message_type, event_data }))
    const answered = await run(false)
    expect(typesOf(answered)).toEqual(['assistant_message', 'event_message', 'summary_message'])
    expect(shapes(answered)).toEqual(shapes(await run(true)))
    expect(answered[2].id).toBe(`message-${answered[1].id}`)
  })

  it('callers who did not ask for summaries see a message of the server, in streams and in answers', async () => {
    const talk = await talked(1)
    const { body } = await talk.say('[[usage 125000 50]] big')
    const streamed = await talk.stream('[[usage 125000 50]] again', { include_pings: false })
    for (const views of [body.messages, streamed]) {
      const told = views.find((view: { message_type: string }) => view.message_type === 'user_message')
      expect(JSON.parse(told.content)).toMatchObject({ type: 'system_alert' })
    }
  })

  it('a summariser has the model and the settings that the agent names for it', async () => {
    const model_settings = { provider_type: 'openai', temperature: 0.2, max_output_tokens: 777 }
    const talk = await talked(2, { compaction_settings: { model: 'openai-proxy/gpt-4.1', model_settings } })
    const { status } = await world.ask('POST', `/v1/agents/${talk.agent}/summarize`, {
      compaction_settings: { mode: 'all', prompt: 'Summarise by these settings.' },
    })
    expect(status).toBe(200)
    expect(talk.requestWith('Summarise by these settings.')).toMatchObject({
      model: 'gpt-4.1',
      temperature: 0.2,
      max_completion_tokens: 777,
    })
    const shown = (await talk.state()).compaction_settings as JsonObject
    expect(shown.model_settings).toMatchObject(model_settings)
  })

  it('R-23: what could not be made smaller before a call is not tried again when the provider refuses it', async () => {
    const compaction_settings = { model: 'openai-proxy/gpt-4o', mode: 'all', prompt: 'IN VAIN' }
    const talk = await talked(3, { model: 'openai-proxy/mock-ctx-8000', compaction_settings })
    expect((await talk.say('x'.repeat(40_000))).status).toBe(400)
    expect(world.mock.log({ contains: 'IN VAIN' })).toHaveLength(1)
  })

  it('a summariser that fails leaves the context as it was, and is not asked again at once', async () => {
    const talk = await talked(2, {
      compaction_settings: { model: 'openai-proxy/no-such-model', mode: 'all' },
    })
    await talk.say('[[usage 125000 50]] big')
    expect((await talk.state()).message_ids).toHaveLength(2)
  })
})
