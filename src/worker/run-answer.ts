import { withCompactionEvents } from '../domain/compaction-event.ts'
import type { MessageView, RequestUsage } from '../domain/frame.ts'
import type { MessageId, OrganizationId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Run } from '../domain/run.ts'
import { filterViews, isNudge, isOutput, viewOptionsOf, viewsOf } from '../domain/view.ts'
import { readRunMessages } from '../store/message-lists.ts'
import { onOneConnection } from '../store/pipeline.ts'
import { getRequest, readStartedRuns } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { findScope } from '../store/scopes.ts'
import { readUsage } from '../store/steps.ts'
import { readPatiently } from './read-patiently.ts'
import { TENDING_RUN } from './start-tenders.ts'

/** The whole answer of a run, as a caller who waited for it gets it. Built from the stored rows, not from the stream. */
export type RunAnswer = { views: MessageView[]; usage: RequestUsage }

export async function answerOfRun(db: Db, organizationId: OrganizationId, run: Run): Promise<RunAnswer> {
  return read(db, organizationId, run, (messages, sent) =>
    messages.filter((message) => isOutput(message) && !sent.has(message.id)),
  )
}

/** Messages of a transcript. */
const TRANSCRIPT_MAX = 100

/** What was said in a run, with what its caller said. */
export async function transcriptOfRun(db: Db, organizationId: OrganizationId, run: Run): Promise<RunAnswer> {
  return read(db, organizationId, run, (messages) => messages.slice(0, TRANSCRIPT_MAX))
}

async function read(
  db: Db,
  organizationId: OrganizationId,
  run: Run,
  choose: (messages: Message[], sent: ReadonlySet<MessageId>) => Message[],
): Promise<RunAnswer> {
  const rows = () =>
    onOneConnection(db, (one) =>
      Promise.all([
        getRequest(one, organizationId, run.id),
        readRunMessages(one, organizationId, run.id),
        readUsage(one, organizationId, run.id),
        findScope(one, organizationId, run.conversationId),
        readStartedRuns(one, organizationId, run.id, TENDING_RUN),
      ]),
    )
  const [request, messages, usage, scope, started] = await readPatiently(rows)
  const sent = new Set(request.input.map(({ id }) => id))
  const shown = choose(
    messages.filter((message) => !isNudge(message) && !message.isErr),
    sent,
  )
  const told = withCompactionEvents(viewsOf(shown, viewOptionsOf(request)))
  const views = filterViews(told, request.returnTypes)
  return {
    views,
    usage: {
      ...usage,
      contextTokens: scope?.context_tokens ?? null,
      runIds: started.length > 0 ? started : null,
    },
  }
}
