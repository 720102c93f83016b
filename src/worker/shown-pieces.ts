import { compactionEvent } from '../domain/compaction-event.ts'
import type { Frame, ViewHead } from '../domain/frame.ts'
import type { RunId } from '../domain/id.ts'
import { idBefore, otidOf } from '../domain/otid.ts'
import { timestampNow } from '../lib/clock.ts'
import type { LoopDelta, LoopEvent } from '../loop/state.ts'

type Delta = Extract<LoopEvent, { type: 'delta' }>

/** The frames of an answer's pieces. Counts the views that they belong to, so that streamed otids are the listed ones. */
export class ShownPieces {
  readonly #runId: RunId
  #messageId = ''
  #type = ''
  #index = -1
  /** Which kind of call took the answer's own id. */
  #ownKind: 'held' | 'free' | null = null

  constructor(runId: RunId) {
    this.#runId = runId
  }

  frameOf(event: Delta): Frame {
    const body = bodyOf(event.delta, event.needsApproval)
    const index = this.#indexFor(event.messageId, body.type)
    const isCall = body.type === 'tool_call_message' || body.type === 'approval_request_message'
    const own = !isCall || this.#takesOwnId(event.needsApproval ? 'held' : 'free')
    const id = own ? event.messageId : idBefore(event.messageId)
    const otid = body.type === 'approval_request_message' ? id : otidOf(id, own ? index : 0)
    const head: ViewHead = {
      id,
      createdAt: timestampNow(),
      name: null,
      otid,
      senderId: null,
      stepId: event.stepId,
      isErr: false,
      runId: this.#runId,
    }
    return { kind: 'delta', head, body }
  }

  #indexFor(messageId: string, type: string): number {
    if (messageId !== this.#messageId) {
      this.#messageId = messageId
      this.#type = ''
      this.#index = -1
      this.#ownKind = null
    }
    if (type !== this.#type) this.#index += 1
    this.#type = type
    return this.#index
  }

  /** Whether calls of this kind are shown under the answer's own id; the others take the id before. */
  #takesOwnId(kind: 'held' | 'free'): boolean {
    this.#ownKind ??= kind
    return this.#ownKind === kind
  }
}

function bodyOf(delta: LoopDelta, held: boolean): Extract<Frame, { kind: 'delta' }>['body'] {
  switch (delta.type) {
    case 'text_delta':
      return { type: 'assistant_message', text: delta.text }
    case 'reasoning_delta':
      return {
        type: 'reasoning_message',
        source: 'reasoner_model',
        text: delta.text,
        signature: delta.signature ?? null,
      }
    case 'thought_delta':
      return { type: 'reasoning_message', source: 'non_reasoner_model', text: delta.text, signature: null }
    case 'reasoning_hidden':
      return { type: 'hidden_reasoning_message', state: delta.state, hiddenReasoning: delta.data }
    case 'tool_call_delta':
      return {
        type: held ? 'approval_request_message' : 'tool_call_message',
        callId: delta.callId,
        name: delta.name,
        arguments: delta.arguments === '' ? null : delta.arguments,
      }
  }
}

export function compactionFrame(
  runId: RunId,
  event: Extract<LoopEvent, { type: 'compaction_start' }>,
): Frame {
  const head = { createdAt: timestampNow(), stepId: event.stepId, runId }
  return { kind: 'message', view: compactionEvent(event.summaryId, head, event) }
}
