import { Fault } from '../../domain/fault.ts'
import { defaultMessages, saidByAgent } from '../../domain/initial-messages.ts'
import { formatLocalTime } from '../../domain/local-time.ts'
import { type Message, type MessageBody, newHead, textOf } from '../../domain/message.ts'
import { timestampNow } from '../../lib/clock.ts'
import { extendContext } from '../../store/contexts.ts'
import type { MessageOwner } from '../../store/message-rows.ts'
import { insertMessages } from '../../store/messages.ts'
import { readPicture } from '../../store/pictures.ts'
import type { Db } from '../../store/schema.ts'
import { lockScope } from '../../store/scopes.ts'
import { inTransaction } from '../../store/transaction.ts'
import type { HttpDeps } from '../deps.ts'
import type { CreateAgent } from '../schemas/agent-input.ts'
import { decodeInput } from '../wire/message-input.ts'

/**
 * The beginning of a new agent's context: its system message, compiled from what was just stored, and whatever its kind
 * or the request puts behind it.
 */
export async function saveFirstMessages(
  tx: Db,
  deps: Pick<HttpDeps, 'compilePrompt'>,
  owner: MessageOwner,
  body: CreateAgent,
): Promise<void> {
  const { organizationId, agentId, conversationId } = owner
  const { agent, scope } = await readPicture(tx, organizationId, agentId, conversationId)
  const now = new Date()
  const prompt = deps.compilePrompt({ agent, scope, now })
  const system: MessageBody = { role: 'system', content: [{ type: 'text', text: prompt.text }] }
  const bodies = [system, ...beginningOf(body, formatLocalTime(now, agent.timezone))]
  const messages = bodies.map(toMessage)
  await insertMessages(tx, owner, messages)
  await extendContext(
    tx,
    await lockScope(tx, organizationId, conversationId),
    messages.map((message) => message.id),
    { stored: messages.length, prompt },
  )
}

/** Puts the beginning of an agent's kind behind what is in its context. */
export async function saveDefaultMessages(db: Db, owner: MessageOwner): Promise<void> {
  const { organizationId, agentId, conversationId } = owner
  await inTransaction(db, async (tx) => {
    const scope = await lockScope(tx, organizationId, conversationId)
    const { agent } = await readPicture(tx, organizationId, agentId, conversationId)
    const time = formatLocalTime(new Date(), agent.timezone)
    const messages = defaultMessages(agent.agentType, time).map(toMessage)
    await insertMessages(tx, owner, messages)
    await extendContext(
      tx,
      scope,
      messages.map((message) => message.id),
      { stored: messages.length },
    )
  })
}

function beginningOf(body: CreateAgent, time: string): MessageBody[] {
  const given = body.initial_message_sequence
  return given ? given.flatMap((item) => bodiesOf(body, item, time)) : defaultMessages(body.agent_type, time)
}

type Given = NonNullable<CreateAgent['initial_message_sequence']>[number]

/** Faults: bad_request. */
function bodiesOf(body: CreateAgent, given: Given, time: string): MessageBody[] {
  const item = decodeInput(given)
  if (item.type !== 'message')
    throw new Fault('bad_request', 'An agent cannot begin with an answer to a request')
  const { content } = item
  if (content.some((part) => part.type === 'image' && part.source.type === 'url')) {
    throw new Fault('bad_request', 'Images of an initial message must be sent as data')
  }
  const texts = content.filter((part) => part.type === 'text')
  switch (item.role) {
    case 'user':
      return [{ role: 'user', content }]
    case 'system':
      return [{ role: 'system', content: texts }]
    case 'assistant':
      return saidByAgent(body.agent_type, textOf(texts), time)
  }
}

function toMessage(body: MessageBody): Message {
  return {
    ...newHead(timestampNow()),
    ...body,
  }
}
