import type { AssistantPart, ToolCall } from '../../domain/message.ts'
import type { ModelDelta, ModelReply, ToolSpec } from '../../domain/model.ts'
import type { LoopDelta, LoopState } from '../state.ts'
import { ArgumentReader } from './argument-reader.ts'
import { isAdded, THOUGHT, withoutAdded } from './arguments.ts'

/** The answers of an agent that speaks through a tool: one call, with a thought and a wish to go on inside. */
export class LegacyAnswer {
  readonly #specs: Map<string, ToolSpec>
  /** The tool whose argument is shown as what the agent says. */
  readonly #speech: { tool: string; argument: string } | null
  #call: OpenCall | undefined

  constructor({ agent, request }: LoopState) {
    this.#specs = new Map(agent.tools.map((tool) => [tool.name, tool.spec]))
    const { useAssistantMessage, assistantToolName: tool, assistantToolKwarg: argument } = request
    this.#speech = useAssistantMessage ? { tool, argument } : null
  }

  /** What is shown of a piece. Only the first call counts; text beside it is thinking. */
  inDelta(delta: ModelDelta): LoopDelta[] {
    if (delta.type === 'text_delta') return [{ type: 'thought_delta', text: delta.text }]
    if (delta.type !== 'tool_call_delta') return [delta]
    this.#call ??= {
      id: delta.callId,
      name: delta.name ?? '',
      reader: new ArgumentReader(),
      isNamed: false,
      isOpen: false,
    }
    if (this.#call.id !== delta.callId) return []
    const call = this.#call
    return call.reader.read(delta.arguments).flatMap((piece) => this.#shown(call, piece))
  }

  #shown(call: OpenCall, piece: ReturnType<ArgumentReader['read']>[number]): LoopDelta[] {
    const speaks = this.#speech?.tool === call.name
    if (piece.type === 'end') return speaks ? [] : [pieceOf(call, call.isOpen ? '}' : '{}')]
    if (isAdded(piece.name, this.#specs.get(call.name))) {
      return piece.name === THOUGHT && piece.text !== '' ? [{ type: 'thought_delta', text: piece.text }] : []
    }
    if (!speaks) return [pieceOf(call, opening(call, piece.name, piece.isFirst) + piece.raw)]
    const isSpeech = piece.name === this.#speech?.argument && piece.text !== ''
    return isSpeech ? [{ type: 'text_delta', text: piece.text }] : []
  }

  inReply(reply: ModelReply): { reply: ModelReply; heartbeat: boolean } {
    const [first] = reply.ok ? reply.toolCalls : []
    if (!reply.ok || !first) return { reply, heartbeat: false }
    const { call, thought, heartbeat } = withoutAdded(first, this.#specs.get(first.name))
    return { reply: { ...reply, content: withThought(reply.content, thought), toolCalls: [call] }, heartbeat }
  }
}

type OpenCall = {
  id: ToolCall['id']
  name: string
  reader: ArgumentReader
  /** Its name was shown. */
  isNamed: boolean
  /** An argument was shown. */
  isOpen: boolean
}

function pieceOf(call: OpenCall, text: string): LoopDelta {
  const name = call.isNamed ? null : call.name
  call.isNamed = true
  return { type: 'tool_call_delta', callId: call.id, name, arguments: text }
}

function opening(call: OpenCall, name: string, isFirst: boolean): string {
  if (!isFirst) return ''
  const before = call.isOpen ? ',' : '{'
  call.isOpen = true
  return `${before}${JSON.stringify(name)}:`
}

function withThought(content: AssistantPart[], thought: string): AssistantPart[] {
  return thought === '' ? content : [...content, { type: 'text', text: thought }]
}
