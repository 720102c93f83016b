import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ModelFailureKind } from '../../src/domain/failure.ts'
import type { AssistantPart, ToolCall } from '../../src/domain/message.ts'
import type { Model, ModelDelta, ModelReply, ModelRequest, Usage } from '../../src/domain/model.ts'
import { SUMMARY_PROMPTS } from '../../src/loop/compact/prompts.ts'
import { seal, sealReasoning } from '../mock-llm/lib/text.mjs'
import { refusalOf } from '../mock-llm/validate/request.mjs'
import { encoders, wireOf } from './models.ts'
import type { Reply, ScriptedCall, SummaryReply } from './story.ts'
import type { Waits } from './waits.ts'

type Answer = Extract<Reply, { type: 'answer' }>

/**
 * Says its lines in the order in which they were given, and something harmless when it has none left. As strict as the
 * strictest provider: it takes no request that the mock's checks of that wire format refuse, nor one that is too large.
 */
export class ScriptedModel implements Model {
  #lines: Reply[] = []
  #summaries: SummaryReply[] = []
  #summaryCount = 0
  readonly #waits: Waits
  /** Requests that a provider would have refused: each is a defect. */
  readonly refused: string[] = []

  constructor(waits: Waits) {
    this.#waits = waits
  }

  say(lines: Reply[]): void {
    this.#lines.push(...lines)
  }

  saySummaries(lines: SummaryReply[]): void {
    this.#summaries.push(...lines)
  }

  /** From now on it is a model without whims. */
  forgetLines(): void {
    this.#lines = []
    this.#summaries = []
  }

  async *stream(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelDelta, ModelReply> {
    const body = await this.preview(request)
    const wire = wireOf(request.config)
    const refusal = refusalOf(wire, request.config.model, body)
    if (refusal !== null) {
      this.refused.push(`${wire}: ${refusal}`)
      return failureOf('bad_request')
    }
    const tokens = Math.ceil(JSON.stringify(body).length / 4)
    if (tokens > request.config.context_window) return failureOf('context_full')
    if (isSummary(request)) return this.#summary()
    const line = this.#lines.shift() ?? harmless(request)
    switch (line.type) {
      case 'bug':
        throw new Error('a model that throws')
      case 'failure':
        if (line.pieces > 0) yield { type: 'text_delta', text: 'it begins ' }
        if (line.pieces > 1) yield { type: 'text_delta', text: 'and breaks' }
        return failureOf(line.kind)
      case 'answer':
        return yield* this.#answer(line, request, signal, tokens)
    }
  }

  async *#answer(
    line: Answer,
    request: ModelRequest,
    signal: AbortSignal,
    tokens: number,
  ): AsyncGenerator<ModelDelta, ModelReply> {
    const content = contentOf(line, request)
    const toolCalls = line.calls.map((call) => toolCallOf(call, request))
    if (content.length === 0 && toolCalls.length === 0) return failureOf('empty_response')
    yield* deltasOf(content, toolCalls)
    await nextTurn()
    if (line.waits) await this.#waits.park(`the model's "${line.text.slice(0, 20)}"`, signal)
    if (signal.aborted) return failureOf('aborted')
    const usage = line.reportsUsage
      ? usageOf(tokens, content, toolCalls)
      : { prompt: 0, completion: 0, total: 0 }
    return { ok: true, content, toolCalls, usage, finish: line.finish, trace: null }
  }

  #summary(): ModelReply {
    this.#summaryCount += 1
    switch (this.#summaries.shift() ?? 'short') {
      case 'short':
        return summaryOf(`Summary ${this.#summaryCount}.`)
      case 'long':
        return summaryOf(`Summary ${this.#summaryCount}: ${'it was long. '.repeat(900)}`)
      case 'empty':
        return summaryOf('')
      case 'failure':
        return failureOf('server_error')
      case 'overflow':
        return failureOf('context_full')
    }
  }

  preview(request: ModelRequest) {
    return encoders.modelOf(request.config).preview(request)
  }
}

function isSummary({ system, messages }: ModelRequest): boolean {
  const last = messages.at(-1)
  const ending = last?.role === 'user' && last.content[0]?.type === 'text' ? last.content[0].text : ''
  return Object.values(SUMMARY_PROMPTS).some((prompt) => prompt === system || prompt === ending)
}

/** What it says when the story has nothing for it: a text, or the call that it is made to give. */
function harmless({ toolChoice, tools }: ModelRequest): Answer {
  const forced =
    toolChoice.type === 'tool' ? toolChoice.name : toolChoice.type === 'required' ? tools[0]?.name : null
  return {
    type: 'answer',
    text: forced ? '' : 'All is well.',
    thinks: false,
    calls: forced ? [{ n: 0, tool: forced, does: 'works', arguments: 'good', id: 'own' }] : [],
    finish: forced ? 'tool_calls' : 'stop',
    reportsUsage: true,
    waits: false,
  }
}

function contentOf(line: Answer, request: ModelRequest): AssistantPart[] {
  const thought = `I think about ${line.text.slice(0, 12)}.`
  const thoughts = line.thinks ? thinking(thought, request) : []
  return [...thoughts, ...(line.text === '' ? [] : [{ type: 'text' as const, text: line.text }])]
}

/** Thinking with the proof that each provider asks for when it gets it back. */
function thinking(thought: string, request: ModelRequest): AssistantPart[] {
  switch (wireOf(request.config)) {
    case 'anthropic':
      return [{ type: 'reasoning', reasoning: thought, isNative: true, signature: seal('sig', thought) }]
    case 'google':
      return [{ type: 'reasoning', reasoning: thought, isNative: true, signature: seal('thought', thought) }]
    case 'openai-responses': {
      const id = `rs_${seal('id', thought).slice(10, 34)}${request.messages.length}`
      return [
        { type: 'summarized_reasoning', id, summary: [thought], encryptedContent: sealReasoning(thought) },
      ]
    }
    case 'openai-chat':
      return [{ type: 'reasoning', reasoning: thought, isNative: true }]
  }
}

let lastId = 0

function toolCallOf(call: ScriptedCall, request: ModelRequest): ToolCall {
  const signature =
    wireOf(request.config) === 'google' ? { signature: seal('thought', `call ${call.n}`) } : {}
  return { id: idOf(call), name: call.tool, arguments: argumentsOf(call), ...signature }
}

function idOf({ id }: ScriptedCall): string {
  lastId += 1
  switch (id) {
    case 'own':
      return `call_own_${lastId}`
    case 'none':
      return ''
    case 'call_0':
      return 'call_0'
    case 'long':
      return `call_${'long_'.repeat(14)}${lastId}`
  }
}

function argumentsOf(call: ScriptedCall): string {
  const good = JSON.stringify(goodArguments(call))
  switch (call.arguments) {
    case 'good':
      return good
    case 'truncated':
      return good.slice(0, -4)
    case 'not_json':
      return `n is ${call.n}`
    case 'doubled':
      return good + good
    case 'string':
      return JSON.stringify(good)
    case 'none':
      return ''
    case 'list':
      return '[1,2]'
  }
}

function goodArguments({ tool, n, does }: ScriptedCall): object {
  if (tool === 'core_memory_append')
    return { label: does === 'fails' ? 'nowhere' : 'human', content: `line ${n}` }
  if (tool === 'memory_rethink') return { label: 'human', new_memory: `memory ${n}` }
  return { n, does }
}

function* deltasOf(content: AssistantPart[], calls: ToolCall[]): Generator<ModelDelta> {
  for (const part of content) {
    if (part.type === 'text') {
      yield { type: 'text_delta', text: part.text.slice(0, 6) }
      if (part.text.length > 6) yield { type: 'text_delta', text: part.text.slice(6) }
    } else if (part.type === 'reasoning') yield { type: 'reasoning_delta', text: part.reasoning }
  }
  for (const call of calls) {
    yield { type: 'tool_call_delta', callId: call.id, name: call.name, arguments: '' }
    yield { type: 'tool_call_delta', callId: call.id, name: null, arguments: call.arguments }
  }
}

function usageOf(prompt: number, content: AssistantPart[], calls: ToolCall[]): Usage {
  const completion = Math.ceil((JSON.stringify(content).length + JSON.stringify(calls).length) / 4)
  return { prompt, completion, total: prompt + completion, cachedInput: Math.floor(prompt / 2) }
}

function summaryOf(text: string): ModelReply {
  const usage = { prompt: 10, completion: 10, total: 20 }
  return {
    ok: true,
    content: text === '' ? [] : [{ type: 'text', text }],
    toolCalls: [],
    usage,
    finish: 'stop',
    trace: null,
  }
}

function failureOf(kind: ModelFailureKind): ModelReply {
  const retryAfterMs = 1
  return {
    ok: false,
    failure: { kind, message: `The model failed: ${kind}.`, detail: 'scripted', retryAfterMs },
    trace: null,
  }
}
