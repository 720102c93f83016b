import { describe, expect, it } from 'vitest'
import { newId } from '../../domain/id.ts'
import type { Message, MessageBody } from '../../domain/message.ts'
import { keepingRequest, planAll, planSlidingWindow } from './plan.ts'

/** Histories are written as letters: s system, u user, a answer, c call, t its result, r a request for approval. */
function context(letters: string): Message[] {
  return [...letters].map((letter, index) => message(BODIES[letter] ?? unknown(letter), index))
}

const BODIES: Record<string, MessageBody> = {
  s: { role: 'system', content: [] },
  u: { role: 'user', content: [{ type: 'text', text: 'x' }] },
  a: { role: 'assistant', content: [{ type: 'text', text: 'x' }], toolCalls: [] },
  c: { role: 'assistant', content: [], toolCalls: [{ id: '1', name: 'f', arguments: '{}' }] },
  t: { role: 'tool', returns: [] },
  r: { role: 'approval_request', content: [], toolCalls: [{ id: '2', name: 'g', arguments: '{}' }] },
}

function unknown(letter: string): never {
  throw new Error(`${letter} stands for no message`)
}

function message(body: MessageBody, index: number): Message {
  const head = {
    otid: null,
    runId: null,
    senderId: null,
    groupId: null,
    name: null,
    isErr: false,
    model: null,
  }
  // The two halves of one answer have its step.
  const stepId = body.role === 'approval_request' || body.role === 'assistant' ? ('step-1' as const) : null
  return { ...head, id: newId('message'), createdAt: `${index}`, stepId, ...body }
}

/** What is kept, when every message has a token. */
function window(letters: string, percentage: number, goal: number): number | null {
  const history = context(letters)
  const plan = planSlidingWindow(history, percentage, goal, (kept) => kept.length, history.length)
  return plan?.kept.length ?? null
}

describe('the sliding window', () => {
  it('evicts the percentage first, and tenths more until the goal is met', () => {
    expect(window('suauauauaua', 0.3, 100)).toBe(7)
    expect(window('suauauauaua', 0.3, 7)).toBe(5)
  })

  it('frees something: one message is not exchanged for a summary', () => {
    expect(window('sua', 0.3, 100)).toBeNull()
  })

  it('never separates call and result, or assistant and approval halves', () => {
    for (const letters of ['suctuctuctuctua', 'sucructtuctua', 'suctctctctctua']) {
      const history = context(letters)
      const plan = planSlidingWindow(history, 0.3, 100, (kept) => kept.length, history.length)
      const [first] = plan?.kept ?? []
      expect(first?.role).toBe('assistant')
      expect(plan?.evicted.at(-1)?.role).not.toBe('assistant')
    }
  })

  it('is not to be had above 100 %', () => {
    expect(window('suauauauaua', 2, 100)).toBeNull()
  })
})

describe('all', () => {
  it('leaves two rows: system and summary', () => {
    expect(planAll(context('suaua'), 5)).toMatchObject({ kept: [] })
  })

  it('keeps an open approval with its other half', () => {
    expect(planAll(context('suaucr'), 6)?.kept.map(({ role }) => role)).toEqual([
      'assistant',
      'approval_request',
    ])
  })

  it('keeps the input of the turn that is not answered yet', () => {
    const history = context('suauu')
    expect(planAll(history, 3)?.kept).toEqual(history.slice(3))
  })
})

describe('a turn that goes on', () => {
  it("keeps the user's newest message in front, however much came behind it", () => {
    const history = context('suauctctct')
    expect(keepingRequest(planAll(history, history.length))?.kept).toEqual([history[3]])
  })

  it('has nothing to evict but that message: nothing is done', () => {
    const history = context('su')
    expect(keepingRequest(planAll(history, history.length))).toBeNull()
  })
})
