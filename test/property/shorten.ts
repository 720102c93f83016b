import { play } from './play.ts'
import type { Action, Story } from './story.ts'
import type { World } from './world.ts'

/** The same story with what it does not need to go wrong left out. Gives up looking after `ms`. */
export async function shorten(world: World, story: Story, ms: number): Promise<Story> {
  const deadline = Date.now() + ms
  let short = story
  for (let changed = true; changed; ) {
    changed = false
    for (const shorter of shorterThan(short)) {
      if (Date.now() > deadline) return short
      if (!(await goesWrong(world, shorter))) continue
      short = shorter
      changed = true
      break
    }
  }
  return short
}

async function goesWrong(world: World, story: Story): Promise<boolean> {
  try {
    return (await play(world, story)) !== undefined
  } catch {
    return true
  }
}

/** Stories with one thing less: an action, a line of a model, a trait. */
function* shorterThan(story: Story): Generator<Story> {
  const { actions, agent } = story
  for (let index = actions.length - 1; index >= 0; index--)
    yield { ...story, actions: actions.toSpliced(index, 1) }
  for (const [index, action] of actions.entries())
    for (const simpler of simplerThan(action))
      yield { ...story, actions: actions.toSpliced(index, 1, simpler) }
  for (let index = 0; index < agent.rules.length; index++)
    yield { ...story, agent: { ...agent, rules: agent.rules.toSpliced(index, 1) } }
  if (agent.compaction) yield { ...story, agent: { ...agent, compaction: null } }
  if (agent.window < 30_000) yield { ...story, agent: { ...agent, window: 30_000 } }
  if (agent.deferred) yield { ...story, agent: { ...agent, deferred: false } }
  if (agent.policy) yield { ...story, agent: { ...agent, policy: null } }
  if (agent.autoclear) yield { ...story, agent: { ...agent, autoclear: false } }
}

function* simplerThan(action: Action): Generator<Action> {
  if (action.type === 'at_once') {
    yield* action.actions
    return
  }
  if (action.type !== 'say' && action.type !== 'answer') return
  for (let index = action.replies.length - 1; index >= 0; index--)
    yield { ...action, replies: action.replies.toSpliced(index, 1) }
  for (const [index, reply] of action.replies.entries()) {
    if (reply.type !== 'answer' || reply.calls.length === 0) continue
    for (let call = 0; call < reply.calls.length; call++)
      yield {
        ...action,
        replies: action.replies.toSpliced(index, 1, { ...reply, calls: reply.calls.toSpliced(call, 1) }),
      }
  }
  if (action.way !== 'blocking') yield { ...action, way: 'blocking' }
}
