import { randomBytes } from 'node:crypto'
import type { JsonObject } from '../domain/json.ts'
import { type ToolCall, textOf } from '../domain/message.ts'
import type { ModelRequest, PromptMessage } from '../domain/model.ts'

export type OfflineAnswer = { text: string; call?: ToolCall }

const INTRODUCTION =
  'This is the built-in offline model of Perdure. It is not a language model: it answers by a few fixed rules, so that you can try the server without a key.'

/** What the offline model says, and the tool that it calls. */
export function answerOffline(request: ModelRequest): OfflineAnswer {
  const last = request.messages.at(-1)
  if (last?.role === 'tool') return afterTool(last)
  const said = last?.role === 'user' ? textOf(last.content) : ''
  const fact = /\b(?:remember(?: that)?|note that|don't forget(?: that)?)\s+(.+)/is.exec(said)?.[1]
  const name = /\bmy name is\s+([^.!?\n]+)/i.exec(said)?.[1]
  const remembered = fact ?? (name && `The user's name is ${name.trim()}.`)
  if (remembered) return remember(request, remembered.trim())
  const query = /\b(?:search for|what did (?:I|we) say about)\s+(.+)/is.exec(said)?.[1]
  if (query) return search(request, query.replace(/[?.!]+$/, ''))
  return {
    text: `${INTRODUCTION} You said: “${said.slice(0, 500)}”. Ask me to remember something, and I will use my memory tools.`,
  }
}

/** Whether the user's latest message asks for time; it holds for the whole turn. */
export function isAskedSlowly({ messages }: ModelRequest): boolean {
  const asked = messages.findLast((message) => message.role === 'user')
  return asked !== undefined && /\bslowly\b/i.test(textOf(asked.content))
}

function remember(request: ModelRequest, fact: string): OfflineAnswer {
  const [, firstLabel = 'human'] = /<memory_blocks>[^<]*<([\w/-]+)>/.exec(request.system) ?? []
  const label = request.system.includes('<human>') ? 'human' : firstLabel
  return call(request, 'I will write that into my memory.', {
    memory_insert: { label, new_string: fact },
    core_memory_append: { label, content: fact },
  })
}

function search(request: ModelRequest, query: string): OfflineAnswer {
  return call(request, 'I will look that up.', { conversation_search: { query } })
}

/** Calls the first of these tools that the agent has. */
function call(request: ModelRequest, text: string, choices: Record<string, JsonObject>): OfflineAnswer {
  const names = Object.keys(choices)
  const name = names.find((choice) => request.tools.some((tool) => tool.name === choice))
  if (!name)
    return { text: `${INTRODUCTION} I have no tool for that: attach ${names.join(' or ')} to this agent.` }
  const id = `call_${randomBytes(12).toString('hex')}`
  return { text, call: { id, name, arguments: JSON.stringify(choices[name]) } }
}

function afterTool({ results }: Extract<PromptMessage, { role: 'tool' }>): OfflineAnswer {
  const [first] = results
  const text = first && typeof first.content === 'string' ? first.content : ''
  if (!first) return { text: 'Done.' }
  if (first.failed) return { text: `The tool ${first.name} did not work: ${messageIn(text)}` }
  if (first.name === 'conversation_search')
    return { text: `This is what I found: ${messageIn(text).slice(0, 600)}` }
  return { text: 'Done: it is in my memory now, and I will still know it after a restart.' }
}

function messageIn(envelope: string): string {
  try {
    const { message } = JSON.parse(envelope) as { message?: unknown }
    return typeof message === 'string' ? message : JSON.stringify(message)
  } catch {
    return envelope
  }
}
