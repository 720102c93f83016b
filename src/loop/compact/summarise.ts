import type { CompactionMode, CompactionSettings } from '../../domain/agent.ts'
import type { ModelFailure } from '../../domain/failure.ts'
import type { Message } from '../../domain/message.ts'
import { textOf } from '../../domain/message.ts'
import type { LlmConfig, ModelReply, ModelRequest } from '../../domain/model.ts'
import { withModelSettings } from '../../domain/model-settings.ts'
import { charCount, cutText } from '../../lib/cut.ts'
import { buildRequest } from '../build-request.ts'
import { configOf, offerTools } from '../offer-tools.ts'
import type { LoopPorts, LoopState } from '../state.ts'
import { ACKNOWLEDGEMENT, SUMMARY_PROMPTS } from './prompts.ts'
import { cutMiddle, transcriptOf } from './transcript.ts'

export type Summary = { ok: true; text: string } | { ok: false; failure: ModelFailure }

/** Characters of a tool's result in a transcript that was too long whole. */
const RETURN_CHARS_SHORT = 5_000
const CUT_SUFFIX = '... [summary truncated]'

/** The model that summarises for an agent, when its settings name none: a small one of the same family. */
const SMALL_MODELS: Record<string, string> = {
  anthropic: 'anthropic/claude-haiku-4-5',
  openai: 'openai/gpt-5-mini',
  google_ai: 'google_ai/gemini-2.5-flash',
}

/** The handle of the small model that summarises for agents of a provider; null: their own model does. */
export function summariserHandle(config: LlmConfig): string | null {
  return SMALL_MODELS[config.provider_name ?? config.model_endpoint_type] ?? null
}

/** Summarises messages in one of the modes. */
export async function summarise(
  state: LoopState,
  messages: Message[],
  mode: CompactionMode,
  settings: CompactionSettings,
  ports: LoopPorts,
  signal: AbortSignal,
): Promise<Summary> {
  const summary =
    mode === 'self_compact_all' || mode === 'self_compact_sliding_window'
      ? await summariseSelf(state, messages, mode, settings, ports, signal)
      : await summariseTranscript(state, messages, mode, settings, ports, signal)
  return summary.ok ? { ok: true, text: clipped(summary.text, settings.clip_chars) } : summary
}

async function summariseTranscript(
  state: LoopState,
  messages: Message[],
  mode: CompactionMode,
  settings: CompactionSettings,
  ports: LoopPorts,
  signal: AbortSignal,
): Promise<Summary> {
  const prompt = settings.prompt ?? SUMMARY_PROMPTS[mode]
  let last: Summary = { ok: false, failure: emptySummary() }
  for (const config of await summariserConfigs(state, settings, ports)) {
    last = await summariseWith(config, prompt, messages, settings, ports, signal)
    if (last.ok || signal.aborted) return last
  }
  return last
}

/** A transcript that is too long is made shorter, twice. */
async function summariseWith(
  config: LlmConfig,
  prompt: string,
  messages: Message[],
  settings: CompactionSettings,
  ports: LoopPorts,
  signal: AbortSignal,
): Promise<Summary> {
  const bytesMax = Math.max(2_000, 0.6 * config.context_window * 4 - Buffer.byteLength(prompt) - 1_024)
  const tries = [
    () => transcriptOf(messages, null),
    () => transcriptOf(messages, RETURN_CHARS_SHORT),
    () => cutMiddle(transcriptOf(messages, RETURN_CHARS_SHORT), bytesMax),
  ]
  let last: Summary = { ok: false, failure: emptySummary() }
  for (const transcript of tries) {
    last = await ask(requestOf(config, prompt, transcript(), settings), ports, signal)
    if (last.ok || last.failure.kind !== 'context_full') return last
  }
  return last
}

function requestOf(
  config: LlmConfig,
  prompt: string,
  transcript: string,
  settings: CompactionSettings,
): ModelRequest {
  return {
    config: { ...config, enable_reasoner: false, reasoning_effort: null, response_format: null },
    system: prompt,
    messages: [
      ...(settings.prompt_acknowledgement
        ? [
            {
              role: 'user' as const,
              content: [{ type: 'text' as const, text: 'Summarise the conversation that follows.' }],
            },
            {
              role: 'assistant' as const,
              content: [{ type: 'text' as const, text: ACKNOWLEDGEMENT }],
              toolCalls: [],
              model: null,
            },
          ]
        : []),
      { role: 'user', content: [{ type: 'text', text: transcript }] },
    ],
    tools: [],
    toolChoice: { type: 'none' },
    parallelToolCalls: false,
    stream: false,
    user: null,
  }
}

/** The agent's own model with its own prompt and tools: the provider has the prefix in its cache. */
async function summariseSelf(
  state: LoopState,
  messages: Message[],
  mode: CompactionMode,
  settings: CompactionSettings,
  ports: LoopPorts,
  signal: AbortSignal,
): Promise<Summary> {
  const [system] = state.context
  if (!system) return { ok: false, failure: emptySummary() }
  const request = buildRequest({ ...state, context: [system, ...messages] }, offerTools(state))
  const prompt = settings.prompt ?? SUMMARY_PROMPTS[mode]
  const ending = { role: 'user' as const, content: [{ type: 'text' as const, text: prompt }] }
  return ask(
    { ...request, messages: [...request.messages, ending], toolChoice: { type: 'auto' }, stream: false },
    ports,
    signal,
  )
}

/** The model that the settings say, with what they say of it; the agent's own, where that one cannot be had or does not answer. */
async function summariserConfigs(
  state: LoopState,
  settings: CompactionSettings,
  ports: LoopPorts,
): Promise<LlmConfig[]> {
  const own = configOf(state)
  const handle = settings.model ?? summariserHandle(own)
  const other = handle === null || handle === own.handle ? null : await ports.configOf(handle)
  const named = settings.model_settings
    ? withModelSettings(other ?? own, settings.model_settings)
    : (other ?? own)
  return other ? [named, own] : [named]
}

async function ask(request: ModelRequest, ports: LoopPorts, signal: AbortSignal): Promise<Summary> {
  const stream = ports.modelOf(request.config).stream(request, signal)
  let next = await stream.next()
  while (!next.done) next = await stream.next()
  return summaryOf(next.value)
}

function summaryOf(reply: ModelReply): Summary {
  if (!reply.ok) return { ok: false, failure: reply.failure }
  const text = textOf(reply.content).trim()
  if (text === '' || reply.toolCalls.length > 0) return { ok: false, failure: emptySummary() }
  return { ok: true, text }
}

function emptySummary(): ModelFailure {
  return {
    kind: 'empty_response',
    message: 'The model gave no summary of the conversation.',
    detail: 'A compaction needs a text; the answer was empty or a tool call.',
  }
}

function clipped(text: string, charsMax: number | null): string {
  return charsMax !== null && charCount(text) > charsMax ? cutText(text, charsMax) + CUT_SUFFIX : text
}
