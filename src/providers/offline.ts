import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '../domain/json.ts'
import type { ToolCall } from '../domain/message.ts'
import type { LlmConfig, Model, ModelDelta, ModelListing, ModelReply, ModelRequest } from '../domain/model.ts'
import { failureOf } from './classify-failure.ts'
import { answerOffline, isAskedSlowly } from './offline-answers.ts'

/** Between two words of a stream, in milliseconds: enough to see it. */
const WORD_MS = 12
/** The same for whoever asks for it slowly: time to look around, or to pull a plug, in mid-answer. */
const SLOW_WORD_MS = 120

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
    const answer = answerOffline(request)
    const pauseMs = isAskedSlowly(request) ? SLOW_WORD_MS : request.stream ? WORD_MS : 0
    for (const word of answer.text.match(/\S+\s*/g) ?? []) {
      if (signal.aborted)
        return { ok: false, failure: failureOf('aborted', 'the call was stopped'), trace: null }
      if (pauseMs > 0) await sleep(pauseMs)
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
