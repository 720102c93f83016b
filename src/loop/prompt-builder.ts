import { packToolReturn } from '../domain/envelope.ts'
import type { AssistantPart, Message, MessageOf, ToolCall, ToolReturn, UserPart } from '../domain/message.ts'
import { textOf } from '../domain/message.ts'
import type { PromptMessage, PromptToolResult } from '../domain/model.ts'
import { clampText } from './tool-return.ts'

export type PromptOptions = {
  /** Characters of one result that the model gets to read. */
  toolReturnCharsMax: number
  /**
   * Ids of messages whose images, or whose results' texts, a provider has refused: a note stands in for them.
   */
  withheld?: { images: ReadonlySet<string>; results: ReadonlySet<string> }
}

const NO_RESULT = 'No result of this call was recorded.'
const OPENING = 'The beginning of this conversation is not shown.'
/** Says in a list of parts what the envelope of a text says, for models whose provider has no mark of it. */
const FAILURE: UserPart = { type: 'text', text: '[This call failed.]' }
const IMAGE_WITHHELD = '[An image that the provider refused is left out.]'
const RESULT_WITHHELD = '[A result that the provider refused is left out.]'

/**
 * Builds a prompt message by message. Between a call and its results nothing may stand, so what comes there
 * waits until the calls are closed: by their results, or by a note that there are none when the next answer
 * begins.
 */
export class PromptBuilder {
  readonly #options: PromptOptions
  #done: PromptMessage[] = []
  /**
   * Calls of the newest answer that have no result yet, by the id that is stored. In the prompt the id may
   * differ.
   */
  #open = new Map<string, ToolCall>()
  /** Results of the newest answer's calls. */
  #results: PromptToolResult[] = []
  #waiting: PromptMessage[] = []
  #usedIds = new Set<string>()

  constructor(options: PromptOptions) {
    this.#options = options
  }

  add(message: Message): void {
    switch (message.role) {
      case 'user':
        this.#addUser(this.#shown(message, message.content))
        break
      case 'summary':
        this.#addUser(message.content)
        break
      case 'system':
        this.#addSystem(textOf(message.content))
        break
      case 'assistant':
      case 'approval_request':
        this.#addAnswer(message)
        break
      case 'tool':
        this.#addResults(message)
        break
      case 'approval_response':
        break
      default:
        message satisfies never
    }
  }

  finish(): PromptMessage[] {
    this.#closeCalls()
    return this.#done
  }

  #addUser(parts: UserPart[]): void {
    const content = parts.filter(hasSubstance)
    if (content.length > 0) this.#addBetween({ role: 'user', content })
  }

  #addSystem(text: string): void {
    if (text.trim() !== '') this.#addBetween({ role: 'system', text })
  }

  /** Nothing may stand between a call and its result. */
  #addBetween(message: PromptMessage): void {
    const queue = this.#open.size > 0 ? this.#waiting : this.#done
    queue.push(message)
  }

  #addAnswer(message: MessageOf<'assistant'> | MessageOf<'approval_request'>): void {
    const content = message.content.filter(hasSubstance)
    this.#closeCalls()
    const toolCalls = this.#openCalls(message.toolCalls)
    const isEmpty = toolCalls.length === 0 && !content.some((part) => part.type === 'text')
    if (isEmpty) return
    if (this.#done.length === 0) this.#done.push({ role: 'user', content: [{ type: 'text', text: OPENING }] })
    this.#done.push({ role: 'assistant', content, toolCalls, model: message.model })
  }

  /**
   * Opens the calls of an answer. One that stands in it twice counts once; an id of an earlier answer is
   * replaced.
   */
  #openCalls(calls: ToolCall[]): ToolCall[] {
    return calls.flatMap((call) => {
      if (this.#open.has(call.id)) return []
      const opened = { ...call, id: this.#freshId(call.id) }
      this.#open.set(call.id, opened)
      return [opened]
    })
  }

  /** Local models count their calls from zero in every turn; the copy gets a number behind. */
  #freshId(id: string): string {
    let fresh = id
    for (let copy = 2; this.#usedIds.has(fresh); copy++) fresh = `${id}_${copy}`
    this.#usedIds.add(fresh)
    return fresh
  }

  #addResults(message: MessageOf<'tool'>): void {
    for (const result of message.returns) {
      const call = this.#open.get(result.callId)
      if (!call) continue
      this.#open.delete(result.callId)
      const content = this.#resultContent(message, result)
      this.#results.push({ callId: call.id, name: call.name, content, failed: result.status === 'error' })
    }
    if (this.#open.size === 0) this.#closeCalls()
  }

  #resultContent(message: Message, { output, ...rest }: ToolReturn): string | UserPart[] {
    const charsMax = this.#options.toolReturnCharsMax
    if (this.#options.withheld?.results.has(message.id))
      return packToolReturn({ output: RESULT_WITHHELD, ...rest })
    if (!Array.isArray(output)) return clampText(packToolReturn({ output, ...rest }), charsMax)
    const shown = this.#shown(message, output).map((part) =>
      part.type === 'text' ? { ...part, text: clampText(part.text, charsMax) } : part,
    )
    const parts = rest.status === 'error' ? [FAILURE, ...shown] : shown
    return parts.some((part) => part.type === 'image') ? parts.filter(hasSubstance) : textOf(parts)
  }

  #shown(message: Message, parts: UserPart[]): UserPart[] {
    if (!this.#options.withheld?.images.has(message.id)) return parts
    return parts.map((part) => (part.type === 'image' ? { type: 'text', text: IMAGE_WITHHELD } : part))
  }

  /** Answers what nobody answered, and lets in what had to wait. */
  #closeCalls(): void {
    for (const call of this.#open.values()) {
      this.#results.push({ callId: call.id, name: call.name, content: NO_RESULT, failed: true })
    }
    if (this.#results.length > 0) this.#done.push({ role: 'tool', results: this.#results })
    this.#done.push(...this.#waiting)
    this.#open.clear()
    this.#results = []
    this.#waiting = []
  }
}

/** Providers refuse blank texts. */
function hasSubstance(part: UserPart | AssistantPart): boolean {
  return part.type !== 'text' || part.text.trim() !== ''
}
