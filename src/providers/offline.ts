import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '../domain/json.ts'
import type { ToolCall } from '../domain/message.ts'
import { textOf } from '../domain/message.ts'
import type {
  LlmConfig,
  Model,
  ModelDelta,
  ModelListing,
  ModelReply,
  ModelRequest,
  PromptMessage,
} from '../domain/model.ts'
import { failureOf } from './classify-failure.ts'

/** Between two words, in milliseconds: enough to see the stream. */
const WORD_MS = 12

const CONFIG: LlmConfig = {
  model: 'offline',
  display_name: 'Offline demo (not a language model)',
  model_endpoint_type: 'openai',
  model_endpoint: null,
  provider_name: 'perdure',
  provider_category: 'base',
  model_wrapper: null,
  context_window: 128_000,
  put_inner_thoughts_in_kwargs: false,
  handle: 'perdure/offline',
  temperature: 1,
  max_tokens: 4_096,
  enable_reasoner: false,
  reasoning_effort: null,
  max_reasoning_tokens: 0,
  effort: null,
  frequency_penalty: null,
  compatibility_type: null,
  verbosity: null,
  tier: null,
  parallel_tool_calls: false,
  response_format: null,
  strict: false,
  return_logprobs: false,
  top_logprobs: null,
  return_token_ids: false,
  tool_call_parser: null,
}

/** Built in, needs no key and no network. */
export const OFFLINE_LISTING: ModelListing = { handle: 'perdure/offline', config: CONFIG }

/**
 * Answers by a few fixed rules, so that everything around a model can be tried without one: streams, tool calls, memory
 * edits, approvals. It says plainly that it is not a language model.
 */
export class OfflineModel implements Model {
  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelDelta, ModelReply> {
    const answer = answerTo(request)
    for (const word of answer.text.match(/\S+\s*/g) ?? []) {
      if (signal.aborted)
        return { ok: false, failure: failureOf('aborted', 'the call was stopped'), trace: null }
      if (request.stream) await sleep(WORD_MS)
      yield { type: 'text_delta', text: word }
    }
    const toolCalls = answer.call ? [answer.call] : []
    for (const call of toolCalls) {
      yield { type: 'tool_call_delta', callId: call.id, name: call.name, arguments: call.arguments }
    }
    return replyOf(request, answer.text, toolCalls)
  }

  async preview(request: ModelRequest): Promise<JsonObject> {
    return { model: 'offline', system: request.system, messages: request.messages as unknown as JsonObject[] }
  }
}

type Answer = { text: string; call?: ToolCall }

const INTRODUCTION =
  'This is the built-in offline model of Perdure. It is not a language model: it answers by a few fixed rules, so that you can try the server without a key.'

function answerTo(request: ModelRequest): Answer {
  const last = request.messages.at(-1)
  if (last?.role === 'tool') return afterTool(last)
  const said = last?.role === 'user' ? textOf(last.content) : ''
  const fact = /\b(?:remember(?: that)?|note that|don't forget(?: that)?)\s+(.+)/is.exec(said)?.[1]
  const name = /\bmy name is\s+([^.!?\n]+)/i.exec(said)?.[1]
  const remembered = fact ?? (name && `The user's name is ${name.trim()}.`)
  if (remembered) return remember(request, remembered.trim())
  const query = /\b(?:search for|what did (?:I|we) say about)\s+(.+)/is.exec(said)?.[1]
  if (query)
    return call(
      request,
      ['conversation_search'],
      { query: query.replace(/[?.!]+$/, '') },
      'I will look that up.',
    )
  return {
    text: `${INTRODUCTION} You said: “${said.slice(0, 500)}”. Ask me to remember something, and I will use my memory tools.`,
  }
}

function remember(request: ModelRequest, fact: string): Answer {
  const label = request.system.includes('<human>')
    ? 'human'
    : (/<memory_blocks>[^<]*<([\w/-]+)>/.exec(request.system)?.[1] ?? 'human')
  const names = request.tools.map((tool) => tool.name)
  if (names.includes('memory_insert')) {
    return call(request, ['memory_insert'], { label, new_string: fact }, 'I will write that into my memory.')
  }
  return call(request, ['core_memory_append'], { label, content: fact }, 'I will write that into my memory.')
}

function call(request: ModelRequest, names: string[], args: JsonObject, text: string): Answer {
  const tool = request.tools.find(({ name }) => names.includes(name))
  if (!tool)
    return { text: `${INTRODUCTION} I have no tool for that: attach ${names.join(' or ')} to this agent.` }
  const id = `call_offline_${request.messages.length}`
  return { text, call: { id, name: tool.name, arguments: JSON.stringify(args) } }
}

function afterTool({ results }: Extract<PromptMessage, { role: 'tool' }>): Answer {
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

function replyOf(request: ModelRequest, text: string, toolCalls: ToolCall[]): ModelReply {
  const prompt = Math.ceil((request.system.length + JSON.stringify(request.messages).length) / 4)
  const completion = Math.ceil(text.length / 4)
  return {
    ok: true,
    content: [{ type: 'text', text }],
    toolCalls,
    usage: { prompt, completion, total: prompt + completion },
    finish: toolCalls.length > 0 ? 'tool_calls' : 'stop',
    trace: null,
  }
}
