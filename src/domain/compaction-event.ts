import type { MessageView, ViewHead } from './frame.ts'
import type { MessageId } from './id.ts'

type Facts = { trigger: string; tokens: number | null; window: number }

/** The note that a compaction begins: it has the id of the summary that comes of it, without the prefix. */
export function compactionEvent(
  summaryId: MessageId,
  head: Pick<ViewHead, 'createdAt' | 'stepId' | 'runId'>,
  { trigger, tokens, window }: Facts,
): MessageView {
  return {
    ...head,
    id: summaryId.slice('message-'.length),
    name: null,
    otid: null,
    senderId: null,
    isErr: false,
    type: 'event_message',
    eventType: 'compaction',
    eventData: { trigger, context_token_estimate: tokens, context_window: window },
  }
}

/** Stored messages as a stream would have shown them: what is not stored stands before the summary that it led to. */
export function withCompactionEvents(views: MessageView[]): MessageView[] {
  return views.flatMap((view) => {
    if (view.type !== 'summary_message' || !view.stats) return [view]
    const { trigger, contextTokensBefore: tokens, contextWindow: window } = view.stats
    const head = { createdAt: view.createdAt, stepId: view.stepId, runId: view.runId }
    return [compactionEvent(view.id as MessageId, head, { trigger, tokens, window }), view]
  })
}
