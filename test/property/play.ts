import { isTerminal } from '../../src/domain/run.ts'
import { Actor } from './actor.ts'
import { refusedByProviders, wrongInConversations } from './check-conversations.ts'
import { wrongHeard, wrongInRuns, wrongOutside } from './check-runs.ts'
import { send } from './client.ts'
import { readRecords } from './records.ts'
import type { Action, Reply, Story } from './story.ts'
import type { World } from './world.ts'

/** How long clients may need to hear of an end that is in the database, in milliseconds. */
const HEAR_MS = 5_000

export type Verdict = { wrong: string[] /** After which action; null: at the end. */; after: number | null }

/** Plays a story and looks after every action whether everything still holds. Undefined: it does. */
export async function play(world: World, story: Story): Promise<Verdict | undefined> {
  await world.reset()
  const actor = new Actor(world, story.agent)
  await actor.createAgent()
  const seen = new Set<string>()
  for (const [index, action] of story.actions.entries()) {
    await actor.do(action).catch((error: unknown) => {
      if (!world.life.isOver) throw error
    })
    await world.rest()
    const wrong = await wrongNow(world, actor, seen)
    if (wrong.length > 0) return { wrong, after: index }
  }
  const wrong = await wrongAtTheEnd(world, actor, story)
  return wrong.length > 0 ? { wrong, after: null } : undefined
}

async function wrongNow(world: World, actor: Actor, seen: Set<string>): Promise<string[]> {
  const records = await readRecords(world.db, actor.agentId)
  return [
    ...wrongInConversations(records),
    ...(await refusedByProviders(world, records, seen)),
    ...(await wrongInRuns(world, records, seen)),
    ...wrongOutside(world, records),
    ...world.model.refused.map((text) => `a provider refused a request: ${text}`),
  ]
}

/** Everything goes on until it has ended; then every conversation answers a plain message. */
async function wrongAtTheEnd(world: World, actor: Actor, story: Story): Promise<string[]> {
  world.model.forgetLines()
  world.life.spare()
  await restAll(world)
  const wrong: string[] = []
  for (const [conv] of actor.conversations.entries())
    wrong.push(...(await wrongInFarewell(world, actor, conv)))
  const silent = new Promise<null>((resolve) => setTimeout(() => resolve(null), HEAR_MS).unref())
  const heard = await Promise.race([Promise.all(actor.heard), silent])
  if (heard === null) return [...wrong, 'a client never heard the end of its request']
  // A client whose request met a failure has sent it again by now.
  await restAll(world)
  const records = await readRecords(world.db, actor.agentId)
  for (const run of records.runs) if (!isTerminal(run.status)) wrong.push(`${run.id} is still ${run.status}`)
  const mayBreak = story.actions.some(breaks)
  return [...wrong, ...wrongHeard(heard, records, mayBreak), ...(await wrongNow(world, actor, new Set()))]
}

/** Closes an approval that is open, the way a client would, and says something: it must be answered. */
async function wrongInFarewell(world: World, actor: Actor, conv: number): Promise<string[]> {
  for (let left = 4; left > 0 && (await hasOpenApproval(world, actor, conv)); left--) {
    const how = left % 2 === 0 ? 'deny' : 'approve'
    const answer = {
      type: 'answer',
      conv,
      n: 0,
      how,
      followUp: false,
      way: 'blocking',
      returns: 'text',
    } as const
    await actor.do({ ...answer, clientTools: false, replies: [] })
    await restAll(world)
  }
  // Rules may ask for the same call for ever.
  if (await hasOpenApproval(world, actor, conv))
    await actor.do({ type: 'cancel', what: 'conversation', conv })
  await restAll(world)
  const path = `/v1/conversations/${actor.conversations[conv]}/messages`
  const body = { streaming: false, messages: [{ role: 'user', content: 'farewell' }] }
  const { status, text } = await send(world, path, body, 'farewell', false)
  await world.rest()
  return status === 200
    ? []
    : [`conversation ${conv} does not take a plain message: ${status} ${text.slice(0, 300)}`]
}

async function restAll(world: World): Promise<void> {
  await world.rest()
  while (world.waits.count > 0) {
    world.waits.release(true)
    await world.rest()
  }
}

async function hasOpenApproval(world: World, actor: Actor, conv: number): Promise<boolean> {
  const id = actor.conversations[conv]
  if (!id) return false
  const open = await world.db
    .selectFrom('open_approvals')
    .where('conversation_id', '=', id)
    .select('run_id')
    .execute()
  return open.length > 0
}

/** Whether a story itself breaks something that a client may be told of as a failure of the server. */
function breaks(action: Action): boolean {
  if (action.type === 'at_once') return action.actions.some(breaks)
  if (action.type === 'trouble' || action.type === 'die_at' || action.type === 'restart') return true
  return (
    (action.type === 'say' || action.type === 'answer') &&
    action.replies.some((reply: Reply) => reply.type === 'bug')
  )
}
