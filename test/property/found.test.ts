import { afterAll, beforeAll, expect, it } from 'vitest'
import { openTestDatabase } from '../databases.ts'
import { play } from './play.ts'
import type { Action, AgentPlan, Answering, Reply, Say, ScriptedCall } from './story.ts'
import { World } from './world.ts'

/**
 * Goal: what the random stories have found stays mended. Method: each is the shortest story that went wrong, written down
 * with the name of what was wrong; it is played, and everything must hold after each of its actions.
 */
let world: World

beforeAll(async () => {
  world = await World.open((await openTestDatabase()).url)
})
afterAll(() => world.close())

async function holds(agent: Partial<AgentPlan>, ...actions: Action[]): Promise<void> {
  expect(await play(world, { seed: 0, agent: { ...AGENT, ...agent }, actions })).toBeUndefined()
}

const AGENT: AgentPlan = {
  model: 'openai/gpt-4o-mini',
  window: 30_000,
  parallel: true,
  tools: [],
  rules: [],
  compaction: null,
  autoclear: false,
  deferred: false,
  conversations: 1,
  policy: null,
}

let count = 0

function say(...replies: Reply[]): Say {
  count += 1
  const plain = { content: 'text', clientTools: false, stepsMax: 50, leaves: false, hasOtid: false } as const
  return { type: 'say', conv: 0, n: count, way: 'blocking', ...plain, replies }
}

function answer(how: Answering['how'], ...replies: Reply[]): Answering {
  count += 1
  const plain = { followUp: false, returns: 'text', clientTools: false } as const
  return { type: 'answer', conv: 0, n: count, how, way: 'blocking', ...plain, replies }
}

function text(words: string): Reply {
  return {
    type: 'answer',
    text: words,
    thinks: false,
    calls: [],
    finish: 'stop',
    reportsUsage: true,
    waits: false,
  }
}

function calls(...called: ScriptedCall[]): Reply {
  const plain = { thinks: false, finish: 'tool_calls', reportsUsage: true, waits: false } as const
  return { type: 'answer', text: '', calls: called, ...plain }
}

function call(tool: string, odd: Partial<ScriptedCall> = {}): ScriptedCall {
  count += 1
  return { n: count, tool, does: 'works', arguments: 'good', id: 'own', ...odd }
}

it('a run that the database has failed while it was driven is driven on', async () => {
  for (const nth of [13, 17, 21])
    await holds({ tools: ['note'] }, { type: 'trouble', nth }, say(calls(call('note')), text('done')))
})

it('a run that crashes after its first step ends as failed, and its input is stored once', async () => {
  await holds({ tools: ['note'] }, say(calls(call('note')), { type: 'bug' }))
})

it('a run that crashes with an answer in hand closes the calls that it answers', async () => {
  const rules = [{ type: 'requires_approval', tool_name: 'note' } as const]
  await holds({ tools: ['note'], rules }, say(calls(call('note'))), answer('approve', { type: 'bug' }))
})

it('a run whose input was compacted away goes on after a restart without storing it again', async () => {
  await holds(
    { tools: ['look'], window: 6_000, compaction: { mode: 'all', share: 0.3 } },
    say(calls(call('look', { does: 'huge' })), calls(call('look', { does: 'waits' })), text('done')),
    { type: 'restart', kind: 'killed' },
  )
})

it('an agent that forgets after each turn remembers the turn that an approval interrupted', async () => {
  const rules = [{ type: 'requires_approval', tool_name: 'note' } as const]
  const google = { model: 'google_ai/gemini-2.5-flash', autoclear: true }
  await holds(
    { ...google, tools: ['note'], rules },
    say(calls(call('note'))),
    answer('approve', text('done')),
  )
})

it('a Claude model with a thinking budget goes on with calls that another model has made', async () => {
  await holds(
    { tools: ['note'] },
    { ...say(calls(call('note'))), stepsMax: 1 },
    { type: 'change_model', model: 'anthropic/claude-haiku-4-5' },
    say(text('done')),
  )
})

it('a Claude model goes on after a call that it was forced to make, and so without thinking', async () => {
  const rules = [{ type: 'run_first', tool_name: 'note' } as const]
  await holds(
    { model: 'anthropic/claude-haiku-4-5', tools: ['note'], rules },
    say(calls(call('note')), text('done')),
  )
})

it('a Claude model goes on behind several answered calls that it made without thinking', async () => {
  await holds(
    { model: 'anthropic/claude-haiku-4-5', tools: ['note'] },
    { ...say(calls(call('note'))), stepsMax: 1 },
    { ...say({ ...text('words'), thinks: true, calls: [call('note')] } as Reply), stepsMax: 1 },
    say(text('done')),
  )
})

it('a message that waits behind an approval has its turn when the context is reset', async () => {
  const rules = [{ type: 'requires_approval', tool_name: 'note' } as const]
  await holds(
    { tools: ['note'], rules },
    say(calls(call('note'))),
    { ...say(text('done')), way: 'async' },
    { type: 'reset', conv: 0 },
  )
})

it('an agent that cannot take its own history to summarise it is not left without a way', async () => {
  const long = text('It was a long story. '.repeat(400))
  await holds(
    { window: 6_000, compaction: { mode: 'self_compact_all', share: 0.2 } },
    say(long),
    say(long),
    say(long),
    say(text('done')),
  )
})

it('calls of a model that counts from call_0 have ids of their own, also in turns that the agent forgets', async () => {
  const again = calls({ ...call('look'), id: 'call_0' })
  await holds({ tools: ['look'], autoclear: true }, say(again, text('done')), say(again, text('done')))
})
