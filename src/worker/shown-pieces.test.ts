import { describe, expect, it } from 'vitest'
import type { Frame } from '../domain/frame.ts'
import type { MessageId, RunId, StepId } from '../domain/id.ts'
import { type AssistantPart, newHead, type ToolCall } from '../domain/message.ts'
import { PLAIN_VIEWS, viewsOf } from '../domain/view.ts'
import type { LoopDelta } from '../loop/state.ts'
import { ShownPieces } from './shown-pieces.ts'

const ID: MessageId = 'message-123e4567-e89b-42d3-a456-426614174000'
const RUN: RunId = 'run-123e4567-e89b-42d3-a456-426614174001'
const STEP: StepId = 'step-123e4567-e89b-42d3-a456-426614174002'

const text = (words: string): LoopDelta => ({ type: 'text_delta', text: words })
const thought = (words: string): LoopDelta => ({ type: 'reasoning_delta', text: words })
const hidden = (data: string): LoopDelta => ({ type: 'reasoning_hidden', state: 'redacted', data })
const callOf = (id: string): ToolCall => ({ id, name: 'tool', arguments: '{}' })
const piece = (callId: string): LoopDelta => ({
  type: 'tool_call_delta',
  callId,
  name: 'tool',
  arguments: '{}',
})

describe('the otids of pieces', () => {
  it('are those of the list where something is said behind a call', () => {
    const content: AssistantPart[] = [
      { type: 'text', text: 'one ' },
      { type: 'text', text: 'two' },
    ]
    expect(shown(text('one '), piece('a'), text('two'), piece('b'))).toEqual(listed(content, 'a', 'b'))
  })

  it('are those of the list where thoughts are hidden, or were asked for', () => {
    const content: AssistantPart[] = [
      { type: 'redacted_reasoning', data: 'x' },
      { type: 'redacted_reasoning', data: 'y' },
      { type: 'reasoning', reasoning: 'hm', isNative: true },
      { type: 'reasoning', reasoning: 'so', isNative: false },
    ]
    const deltas = [hidden('x'), hidden('y'), thought('h'), thought('m')]
    expect(shown(...deltas, { type: 'thought_delta', text: 'so' }, piece('a'))).toEqual(listed(content, 'a'))
  })

  it('are different for different views, even where the list counts in another order', () => {
    const otids = shown(thought('hm'), piece('a'), text('one'), thought('so'), piece('b'))
    expect(otids).toHaveLength(4)
  })

  it('begin again with the next answer', () => {
    const pieces = new ShownPieces(RUN)
    const first = pieces.frameOf(event(text('one'), ID))
    pieces.frameOf(event(piece('a'), ID))
    const next: MessageId = 'message-123e4567-e89b-42d3-a456-426614174100'
    expect([first, pieces.frameOf(event(text('two'), next))].map(otidIn)).toEqual([
      '123e4567-e89b-42d3-a456-426614174000',
      '123e4567-e89b-42d3-a456-426614174100',
    ])
  })
})

/** The otids under which an answer's pieces are shown, each once. */
function shown(...deltas: LoopDelta[]): (string | null)[] {
  const pieces = new ShownPieces(RUN)
  return [...new Set(deltas.map((delta) => otidIn(pieces.frameOf(event(delta, ID)))))]
}

function listed(content: AssistantPart[], ...calls: string[]): (string | null)[] {
  const head = newHead('2026-03-02T09:15:04.120331Z', { id: ID })
  const message = { ...head, role: 'assistant' as const, content, toolCalls: calls.map(callOf) }
  return viewsOf([message], PLAIN_VIEWS).map(({ otid }) => otid)
}

function event(delta: LoopDelta, messageId: MessageId) {
  return { type: 'delta' as const, delta, messageId, stepId: STEP, needsApproval: false }
}

function otidIn(frame: Frame): string | null {
  return frame.kind === 'delta' ? frame.head.otid : null
}
