import { randomUUID } from 'node:crypto'
import { Fault } from '../domain/fault.ts'
import { newId } from '../domain/id.ts'
import type { GivenAnswer, InputAnswer, InputItem, InputMessage } from '../domain/input.ts'
import { formatLocalTime } from '../domain/local-time.ts'
import type { ApprovalAnswer, Message, MessageHead } from '../domain/message.ts'
import { timestampNow } from '../lib/clock.ts'
import { resolveImages } from './fetch-image.ts'
import type { OutboundGuard } from './outbound-guard.ts'

/** What was sent, as the messages that it will become: final ids and otids, images fetched. */
export type PreparedInput = {
  answer: { given: GivenAnswer[]; message: Extract<Message, { role: 'approval_response' }> } | null
  messages: Message[]
  /** The otids that the client chose: repeats of the request are known by them. */
  otids: string[]
}

/** Faults: bad_request for empty content and images that cannot be had. */
export async function prepareInput(
  items: InputItem[],
  timezone: string,
  model: string,
  guard: OutboundGuard,
): Promise<PreparedInput> {
  const [first] = items
  const messages = items.filter((item): item is InputMessage => item.type === 'message')
  const prepared = await Promise.all(messages.map((item) => messageOf(item, guard)))
  return {
    answer: first?.type === 'answer' ? await answerOf(first, timezone, model, guard) : null,
    messages: prepared,
    otids: items.flatMap(({ otid }) => otid ?? []),
  }
}

async function messageOf(item: InputMessage, guard: OutboundGuard): Promise<Message> {
  const content = await resolveImages(item.content, guard)
  if (content.length === 0 || content.every((part) => part.type === 'text' && part.text === '')) {
    throw new Fault('bad_request', 'Message content cannot be empty')
  }
  const head = headOf(item.otid ?? randomUUID(), {
    senderId: item.senderId,
    groupId: item.groupId,
    name: item.name,
  })
  const texts = content.filter((part) => part.type === 'text')
  switch (item.role) {
    case 'user':
      return { ...head, role: 'user', content }
    case 'system':
      return { ...head, role: 'system', content: texts }
    case 'assistant':
      return { ...head, role: 'assistant', content: texts, toolCalls: [] }
  }
}

async function answerOf(item: InputAnswer, timezone: string, model: string, guard: OutboundGuard) {
  const time = formatLocalTime(new Date(), timezone)
  const answers = await Promise.all(item.answers.map((given) => answerWithImages(given, time, guard)))
  const head = headOf(item.otid, { senderId: null, groupId: item.groupId, name: null })
  return { given: item.answers, message: { ...head, model, role: 'approval_response' as const, answers } }
}

async function answerWithImages(
  given: GivenAnswer,
  time: string,
  guard: OutboundGuard,
): Promise<ApprovalAnswer> {
  if (given.type === 'approval') return given
  const { callId, status, stdout, stderr } = given
  const output = typeof given.output === 'string' ? given.output : await resolveImages(given.output, guard)
  return { type: 'tool', callId, return: { callId, name: null, status, output, time, stdout, stderr } }
}

function headOf(otid: string | null, from: Pick<MessageHead, 'senderId' | 'groupId' | 'name'>): MessageHead {
  return {
    id: newId('message'),
    otid,
    createdAt: timestampNow(),
    stepId: null,
    runId: null,
    isErr: false,
    model: null,
    ...from,
  }
}

/** The message that stands for a repeated answer with nothing behind it. Tests of clients look for `keep-alive`. */
export function keepAliveMessage(): Message {
  const text =
    '<system-alert>Automated keep-alive ping: the results of your tool calls were received before. Please continue.</system-alert>'
  return {
    ...headOf(randomUUID(), { senderId: null, groupId: null, name: null }),
    role: 'user',
    content: [{ type: 'text', text }],
  }
}
