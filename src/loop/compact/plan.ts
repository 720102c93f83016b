import { halfBefore, type Message } from '../../domain/message.ts'
import { isNudge, isSummary } from '../../domain/view.ts'

/** Which rows a compaction summarises, and which it keeps; the system message is in neither. */
export type CompactionPlan = { evicted: Message[]; kept: Message[] }

/**
 * Mode `all`: everything but an open approval at the end (with the calls that wait beside it) and what is `protectedFrom`
 * on, the input of the turn that has not been answered.
 */
export function planAll(context: Message[], protectedFrom: number): CompactionPlan | null {
  const cut = Math.min(tailStart(context), protectedFrom)
  const evicted = context.slice(1, cut)
  return evicted.length === 0 ? null : { evicted, kept: context.slice(cut) }
}

/**
 * Mode `sliding_window`: the oldest tenths, from `percentage` on, until what is kept is below `tokensGoal`. The kept part
 * starts with an answer, so that no result is cut from its call; null: no such cut frees enough.
 */
export function planSlidingWindow(
  context: Message[],
  percentage: number,
  tokensGoal: number,
  countTokens: (messages: Message[]) => number,
  protectedFrom: number,
): CompactionPlan | null {
  const [system] = context
  if (!system) return null
  const last = Math.min(tailStart(context), protectedFrom, context.length - 1)
  for (let tenths = Math.max(1, Math.round(percentage * 10)); tenths < 10; tenths++) {
    const limit = Math.min(roundHalfEven((tenths * context.length) / 10), last)
    const cut = cutBefore(context, limit)
    if (cut === null) continue
    if (countTokens([system, ...context.slice(cut)]) < tokensGoal) {
      return { evicted: context.slice(1, cut), kept: context.slice(cut) }
    }
  }
  return null
}

/** Behind the system message and two more: one message in exchange for a summary would free nothing. */
const CUT_MIN = 3

/** The largest index up to `limit` at which a kept part may start, and that evicts something. */
function cutBefore(context: Message[], limit: number): number | null {
  for (let index = limit; index >= CUT_MIN; index--) {
    const cut = startOfAnswer(context, index)
    if (cut !== null && cut >= CUT_MIN) return cut
  }
  return null
}

/** An answer may start the kept part. A request for approval starts with the half of its answer that stands before it. */
function startOfAnswer(context: Message[], index: number): number | null {
  const message = context[index]
  if (message?.role === 'assistant') return index
  if (message?.role !== 'approval_request') return null
  return halfBefore(context, index) ? index - 1 : index
}

/** Where the rows of an open approval at the end begin; the length, if there is none. */
function tailStart(context: Message[]): number {
  const lastIndex = context.length - 1
  const last = context[lastIndex]
  if (last?.role === 'approval_response') return tailStart(context.slice(0, -1))
  if (last?.role !== 'approval_request') return context.length
  return startOfAnswer(context, lastIndex) ?? lastIndex
}

/**
 * A turn that goes on goes on with what the user asked for: the newest user's message stays, in front of what is kept,
 * however long the turn has become behind it. The summary tells of it too. Null: there is nothing else to evict.
 */
export function keepingRequest(plan: CompactionPlan | null): CompactionPlan | null {
  const request = plan?.evicted.findLast(
    (message) => message.role === 'user' && !isNudge(message) && !isSummary(message),
  )
  const isKept = plan?.kept.some((message) => message.role === 'user' && !isNudge(message))
  if (!plan || !request || isKept) return plan
  return plan.evicted.length === 1 ? null : { evicted: plan.evicted, kept: [request, ...plan.kept] }
}

/** Halves go to the even neighbour: 2.5 → 2, 3.5 → 4. */
function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  if (value - floor !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
