import type Letta from '@letta-ai/letta-client'
import type { Message } from '@letta-ai/letta-client/resources/agents/messages'
import { type Heard, listen } from './listen.ts'
import type { Plug } from './server.ts'
import { claim, show, tell } from './terminal.ts'

/** The parts of the story. Each does one thing with an agent, shows it, and claims only what it has checked. */
export type Scene = { client: Letta; agentId: string }

/** The tools with which a new agent edits its memory. */
const MEMORY_TOOLS = ['memory_insert', 'memory_replace']

const WORDS_BEFORE_KILL = 4

export async function createAgent(client: Letta, model: string): Promise<string> {
  const agent = await client.agents.create({
    name: 'Demo',
    model,
    memory_blocks: [
      { label: 'persona', value: 'I am a patient assistant. I keep notes of what matters.' },
      { label: 'human', value: 'Somebody who tries Perdure for the first time.' },
    ],
  })
  show('agent', `${agent.id} (${model})`)
  for (const { label, value } of agent.blocks) show('block', `${label}: ${value}`)
  claim('It has two memory blocks, which it sees in every prompt and may edit.', agent.blocks.length === 2)
  return agent.id
}

export async function answer(scene: Scene): Promise<void> {
  const heard = await say(scene, 'Hello! Who are you?')
  claim(`The answer came in ${heard.pieces.length} pieces, while it was made.`, heard.pieces.length > 1)
  const latest = (await historyOf(scene)).at(-1)
  claim(
    'The history holds the same text.',
    latest?.message_type === 'assistant_message' && latest.content === heard.pieces.join(''),
  )
}

export async function remember(scene: Scene): Promise<void> {
  show('before', await human(scene))
  await say(scene, 'Please remember that my name is Ada.')
  const after = await human(scene)
  show('after', after)
  claim('The agent has edited its own memory; edit and tool return are one transaction.', /Ada/.test(after))
}

export async function askFirst(scene: Scene): Promise<void> {
  tell('Now every edit of the memory needs your approval.')
  await requireApproval(scene, true)
  const before = await human(scene)
  const asked = await say(scene, 'Please remember that my birthday is the 10th of December.')
  claim('The run stopped before the tool ran.', asked.stopReason === 'requires_approval')
  claim('The memory is as it was.', (await human(scene)) === before)
  tell('The question is stored, like everything else, so it can wait. You approve:')
  await approve(scene, asked.call.id)
  claim('Only now it is in the memory.', /December/.test(await human(scene)))
  await requireApproval(scene, false)
}

/** The server dies in mid-sentence, and comes back. */
export async function survive(scene: Scene, plug: Plug): Promise<void> {
  const historyBefore = await historyOf(scene)
  const cut = await killInMidSentence(scene, plug)
  tell('kill -9. The server is gone, its database too, and the stream broke off.')
  claim('The memory was edited, and the answer had just begun.', cut.returns === 1 && cut.stopReason === null)

  const since = Date.now()
  await plug.putBack()
  tell(
    `Started again, in ${((Date.now() - since) / 1_000).toFixed(1)} s. I ask for the events after ${cut.lastSeq}:`,
  )
  const resumed = await listen(
    await scene.client.runs.messages.stream(cut.runId, { starting_after: cut.lastSeq, include_pings: true }),
  )
  claim('The run went on by itself, to its end.', resumed.stopReason === 'end_turn')
  claim('No event came twice.', resumed.firstSeq > cut.lastSeq)
  await checkNothingIsLost(scene, cut.runId, historyBefore)
}

/** Sends a message that makes the agent edit its memory and talk slowly, and pulls the plug after some words. */
async function killInMidSentence({ client, agentId }: Scene, plug: Plug): Promise<Heard> {
  const input = 'Answer slowly, please, and remember that we meet on Monday at nine.'
  show('you', input)
  const events = await client.agents.messages.create(agentId, {
    input,
    streaming: true,
    stream_tokens: true,
    background: true,
  })
  let cut: Heard | null = null
  const whole = listen(events, async (heard) => {
    if (cut !== null || heard.returns === 0 || heard.pieces.length < WORDS_BEFORE_KILL) return
    cut = heard
    await plug.pull()
  })
  await whole.catch((error: unknown) => {
    // What breaks off is the connection to a dead server.
    if (cut === null) throw error
  })
  if (cut === null) throw new Error('the agent was done before the plug could be pulled')
  return cut
}

async function checkNothingIsLost(scene: Scene, runId: string, before: Message[]): Promise<void> {
  const { client } = scene
  const history = await historyOf(scene)
  const returns = (await client.runs.messages.list(runId)).items.filter(
    ({ message_type }) => message_type === 'tool_return_message',
  )
  const memory = await human(scene)
  show('memory', memory)
  claim('The run is completed.', (await client.runs.retrieve(runId)).status === 'completed')
  claim('The tool ran once, not twice.', returns.length === 1 && memory.split('Monday').length === 2)
  claim('The memory still has all the rest.', /Ada/.test(memory) && /December/.test(memory))
  claim(
    `All ${before.length} earlier messages are there, in their order.`,
    before.every((message, index) => history[index]?.id === message.id),
  )
}

/** Says something to the agent, and shows its answer as it comes. */
async function say({ client, agentId }: Scene, input: string): Promise<Heard> {
  show('you', input)
  return listen(await client.agents.messages.create(agentId, { input, streaming: true, stream_tokens: true }))
}

async function approve({ client, agentId }: Scene, callId: string): Promise<Heard> {
  return listen(
    await client.agents.messages.create(agentId, {
      messages: [
        { type: 'approval', approvals: [{ type: 'approval', tool_call_id: callId, approve: true }] },
      ],
      streaming: true,
      stream_tokens: true,
    }),
  )
}

async function requireApproval({ client, agentId }: Scene, required: boolean): Promise<void> {
  for (const tool of MEMORY_TOOLS) {
    await client.agents.tools.updateApproval(tool, { agent_id: agentId, body_requires_approval: required })
  }
}

/** The block about the user, as it is now. */
async function human({ client, agentId }: Scene): Promise<string> {
  return (await client.agents.blocks.retrieve('human', { agent_id: agentId })).value
}

/** All that was said and done, oldest first. */
async function historyOf({ client, agentId }: Scene): Promise<Message[]> {
  return (await client.agents.messages.list(agentId, { order: 'asc', limit: 1_000 })).items
}
