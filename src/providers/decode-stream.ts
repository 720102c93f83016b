import type {
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  SharedV4ProviderMetadata,
} from '@ai-sdk/provider'
import { SUMMARY_GAP } from '../domain/answer-view.ts'
import type { AssistantPart, ToolCall } from '../domain/message.ts'
import type { FinishReason, ModelDelta, Usage } from '../domain/model.ts'
import { parseExact } from '../lib/exact-json.ts'
import { spacedJson } from '../lib/spaced-json.ts'
import type { Wire } from './wires.ts'

export type Decoded = {
  content: AssistantPart[]
  toolCalls: ToolCall[]
  usage: Usage
  finish: FinishReason
  /** The provider said that the answer is complete. */
  finished: boolean
  /** The provider's own word for why it stopped; null: it gave none. */
  reason: string | null
}

type Part = Extract<LanguageModelV4StreamPart, { id: string }>

/**
 * Collects a provider's stream: each part comes in as the SDK sends it, the pieces to show come out, and at the end the
 * whole answer stands. Thinking is kept byte for byte, block by block, each with its own proof.
 */
export class StreamDecoder {
  readonly #wire: Wire
  #open = new Map<string, AssistantPart>()
  #content: AssistantPart[] = []
  #calls = new Map<string, ToolCall>()
  #usage: Usage = { prompt: 0, completion: 0, total: 0 }
  #finish: FinishReason = 'unknown'
  #finished = false
  #reason: string | null = null

  constructor(wire: Wire) {
    this.#wire = wire
  }

  add(part: LanguageModelV4StreamPart): ModelDelta[] {
    switch (part.type) {
      case 'text-start':
        return this.#startText(part)
      case 'text-delta':
        return this.#addText(part.id, part.delta, part.providerMetadata)
      case 'reasoning-start':
        return this.#startReasoning(part)
      case 'reasoning-delta':
        return this.#addReasoning(part.id, part.delta, part.providerMetadata)
      case 'text-end':
      case 'reasoning-end':
        return this.#end(part)
      case 'tool-input-start':
        this.#calls.set(part.id, { id: part.id, name: part.toolName, arguments: '' })
        return [{ type: 'tool_call_delta', callId: part.id, name: part.toolName, arguments: '' }]
      case 'tool-input-delta':
        return this.#addArguments(part.id, part.delta)
      case 'tool-call':
        return this.#endCall(part)
      case 'finish':
        this.#usage = this.#wire.usage(part.usage)
        this.#finish = finishOf(part.finishReason)
        this.#finished = part.finishReason.unified !== 'interrupted'
        this.#reason = part.finishReason.raw ?? null
        return []
      default:
        return []
    }
  }

  get result(): Decoded {
    const content = this.#content.filter(
      (part) => part.type !== 'text' || part.text !== '' || part.signature !== undefined,
    )
    return {
      content: mergeSummaries(content),
      toolCalls: [...this.#calls.values()].map((call) => this.#shown(call)),
      usage: this.#usage,
      finish: this.#calls.size > 0 && this.#finish === 'stop' ? 'tool_calls' : this.#finish,
      finished: this.#finished,
      reason: this.#reason,
    }
  }

  /**
   * Objects are kept with an indent, which a request for approval shows, as the old server did. What a cut stream left of
   * them stays as it is.
   */
  #shown(call: ToolCall): ToolCall {
    if (!this.#wire.callArguments) return call
    return { ...call, arguments: reprinted(call.arguments, (value) => JSON.stringify(value, null, 2)) }
  }

  #startText(part: Part): ModelDelta[] {
    const signature = signatureOf(part.providerMetadata)
    this.#put(part.id, { type: 'text', text: '', ...(signature !== undefined && { signature }) })
    return []
  }

  #addText(id: string, delta: string, metadata: SharedV4ProviderMetadata | undefined): ModelDelta[] {
    const text = this.#open.get(id)
    if (text?.type !== 'text') return []
    text.text += delta
    const signature = signatureOf(metadata)
    if (signature !== undefined) text.signature = signature
    return delta === '' ? [] : [{ type: 'text_delta', text: delta }]
  }

  #startReasoning(part: Part): ModelDelta[] {
    const redacted = stringIn(part.providerMetadata, 'redactedData')
    if (redacted !== undefined) {
      this.#put(part.id, { type: 'redacted_reasoning', data: redacted })
      return [{ type: 'reasoning_hidden', state: 'redacted', data: redacted }]
    }
    const itemId = stringIn(part.providerMetadata, 'itemId')
    if (itemId !== undefined) {
      const encrypted = stringIn(part.providerMetadata, 'reasoningEncryptedContent')
      this.#put(part.id, {
        type: 'summarized_reasoning',
        id: itemId,
        summary: [''],
        ...(encrypted !== undefined && { encryptedContent: encrypted }),
      })
      return []
    }
    const signature = signatureOf(part.providerMetadata)
    this.#put(part.id, {
      type: 'reasoning',
      reasoning: '',
      isNative: true,
      ...(signature !== undefined && { signature }),
    })
    return []
  }

  #addReasoning(id: string, delta: string, metadata: SharedV4ProviderMetadata | undefined): ModelDelta[] {
    const part = this.#open.get(id)
    if (part?.type === 'summarized_reasoning') {
      if (delta === '') return []
      const gap = part.summary[0] === '' && this.#hasSummaryBefore(part) ? SUMMARY_GAP : ''
      part.summary[0] = (part.summary[0] ?? '') + delta
      return [{ type: 'reasoning_delta', text: gap + delta }]
    }
    if (part?.type !== 'reasoning') return []
    part.reasoning += delta
    const signature = signatureOf(metadata)
    if (signature !== undefined) part.signature = (part.signature ?? '') + signature
    return delta === '' ? [] : [{ type: 'reasoning_delta', text: delta }]
  }

  /** The pieces of one summary are shown apart, as lists show them. */
  #hasSummaryBefore(piece: Extract<AssistantPart, { type: 'summarized_reasoning' }>): boolean {
    return this.#content.some(
      (part) =>
        part !== piece &&
        part.type === 'summarized_reasoning' &&
        part.id === piece.id &&
        part.summary.some((text) => text !== ''),
    )
  }

  /** Proofs may come with the last piece; an item's encrypted original does. */
  #end(part: Part): ModelDelta[] {
    const open = this.#open.get(part.id)
    const encrypted = stringIn(part.providerMetadata, 'reasoningEncryptedContent')
    if (open?.type === 'summarized_reasoning' && encrypted !== undefined) open.encryptedContent = encrypted
    const signature = signatureOf(part.providerMetadata)
    if ((open?.type === 'reasoning' || open?.type === 'text') && signature !== undefined)
      open.signature ??= signature
    this.#open.delete(part.id)
    return open ? this.#omitted(open) : []
  }

  /** A proof without its thought: the provider keeps the text to itself. */
  #omitted(part: AssistantPart): ModelDelta[] {
    if (part.type !== 'reasoning' || part.reasoning !== '' || part.signature === undefined) return []
    this.#content[this.#content.indexOf(part)] = { type: 'omitted_reasoning', signature: part.signature }
    return [{ type: 'reasoning_hidden', state: 'omitted', data: null }]
  }

  #addArguments(id: string, delta: string): ModelDelta[] {
    const call = this.#calls.get(id)
    if (!call || delta === '') return []
    call.arguments += delta
    const shown = this.#wire.callArguments === 'object' ? reprinted(delta, spacedJson) : delta
    return [{ type: 'tool_call_delta', callId: id, name: null, arguments: shown }]
  }

  #endCall(part: Extract<LanguageModelV4StreamPart, { type: 'tool-call' }>): ModelDelta[] {
    const signature = signatureOf(part.providerMetadata)
    const known = this.#calls.get(part.toolCallId)
    if (known) {
      if (signature !== undefined) known.signature = signature
      if (known.arguments === '') known.arguments = part.input
      return []
    }
    const call = { id: part.toolCallId, name: part.toolName, arguments: part.input }
    this.#calls.set(part.toolCallId, { ...call, ...(signature !== undefined && { signature }) })
    return [{ type: 'tool_call_delta', callId: call.id, name: call.name, arguments: call.arguments }]
  }

  #put(id: string, part: AssistantPart): void {
    this.#open.set(id, part)
    this.#content.push(part)
  }
}

function reprinted(text: string, print: (value: unknown) => string): string {
  try {
    return print(parseExact(text))
  } catch {
    return text
  }
}

/** The pieces of one item's summary come as parts of their own. */
function mergeSummaries(content: AssistantPart[]): AssistantPart[] {
  const merged: AssistantPart[] = []
  for (const part of content) {
    const last = merged.at(-1)
    if (
      part.type === 'summarized_reasoning' &&
      last?.type === 'summarized_reasoning' &&
      last.id === part.id
    ) {
      last.summary.push(...part.summary)
      if (part.encryptedContent !== undefined) last.encryptedContent = part.encryptedContent
    } else {
      merged.push(
        part.type === 'summarized_reasoning'
          ? { ...part, summary: part.summary.filter((text) => text !== '') }
          : part,
      )
    }
  }
  return merged
}

const FINISHES = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
  error: 'unknown',
  interrupted: 'unknown',
  other: 'unknown',
} as const satisfies Record<string, FinishReason>

/** For the SDK a pause of Claude's is an end. */
function finishOf({ unified, raw }: LanguageModelV4FinishReason): FinishReason {
  return raw === 'pause_turn' ? 'paused' : FINISHES[unified]
}

/** The proof of a part, which each provider keeps under its own name. */
function signatureOf(metadata: SharedV4ProviderMetadata | undefined): string | undefined {
  return Object.values(metadata ?? {})
    .flatMap(({ signature, thoughtSignature }) => [signature, thoughtSignature])
    .find((value) => typeof value === 'string')
}

function stringIn(metadata: SharedV4ProviderMetadata | undefined, key: string): string | undefined {
  return Object.values(metadata ?? {})
    .map((values) => values[key])
    .find((value) => typeof value === 'string')
}
