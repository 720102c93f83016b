import { compactionEvent } from '../domain/compaction-event.ts'
import type { DeltaBody, Frame, ViewHead } from '../domain/frame.ts'
import type { RunId } from '../domain/id.ts'
import { idBefore, otidOf } from '../domain/otid.ts'
import { timestampNow } from '../lib/clock.ts'
import type { LoopDelta, LoopEvent } from '../loop/state.ts'

type Delta = Extract<LoopEvent, { type: 'delta' }>

/** The frames of an answer's pieces. Counts the views that they belong to, so that streamed otids are the listed ones. */
export class ShownPieces {
  readonly #runId: RunId
  #messageId = ''
  #count = 0
  /** Lists show calls behind all words: what is said behind a call goes on with what was said before it. */
  #newest: { words?: CountedView; calls?: CountedView } = {}

  constructor(runId: RunId) {
    this.#runId = runId
  }

  frameOf(event: Delta): Frame {
    const body = bodyOf(event.delta, event.needsApproval)
    // The calls that wait are a message of their own (see `conclude-step.ts`).
    const requestId = body.type === 'approval_request_message' ? idBefore(event.messageId) : null
    const head: ViewHead = {
      id: requestId ?? event.messageId,
      createdAt: timestampNow(),
      name: null,
      otid: requestId ?? otidOf(event.messageId, this.#indexFor(event.messageId, body)),
      senderId: null,
      stepId: event.stepId,
      isErr: false,
      runId: this.#runId,
    }
    return { kind: 'delta', head, body }
  }

  #indexFor(messageId: string, body: DeltaBody): number {
    if (messageId !== this.#messageId) {
      this.#messageId = messageId
      this.#count = 0
      this.#newest = {}
    }
    const kind = body.type === 'tool_call_message' ? 'calls' : 'words'
    const newest = this.#newest[kind]
    if (newest && isOneView(newest.body, body)) return newest.index
    const index = this.#count++
    this.#newest[kind] = { body, index }
    return index
  }
}

type CountedView = { body: DeltaBody; index: number }

/** Whether two neighbouring pieces are shown as one in lists (see `answer-view.ts`). */
function isOneView(last: DeltaBody, next: DeltaBody): boolean {
  if (last.type === 'reasoning_message' && next.type === 'reasoning_message')
    return last.source === next.source
  return last.type === next.type && next.type !== 'hidden_reasoning_message'
}

function bodyOf(delta: LoopDelta, held: boolean): DeltaBody {
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
