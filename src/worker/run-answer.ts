import { withCompactionEvents } from '../domain/compaction-event.ts'
import type { MessageView, RequestUsage } from '../domain/frame.ts'
import type { OrganizationId, RunId } from '../domain/id.ts'
import type { Message } from '../domain/message.ts'
import type { Run } from '../domain/run.ts'
import type { TurnRequest } from '../domain/turn.ts'
import { filterViews, isNudge, isOutput, viewOptionsOf, viewsOf } from '../domain/view.ts'
import { readRunMessages } from '../store/message-lists.ts'
import { onOneConnection } from '../store/pipeline.ts'
import { getAskedRun, getRequest, readStartedRuns } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { findScope } from '../store/scopes.ts'
import { readUsage } from '../store/steps.ts'
import { readPatiently } from './read-patiently.ts'
import { TENDING_RUN } from './start-tenders.ts'

/** What was said in a run, and what it used. Built from the stored rows, not from the stream. */
export type RunAnswer = { views: MessageView[]; usage: RequestUsage }

/**
 * The whole answer of a run that has ended, as a caller who waited for it gets it. `usage`: as its end told it.
 * Faults: not_found for one that is deleted.
 */
export async function answerOfRun(
  db: Db,
  organizationId: OrganizationId,
  runId: RunId,
  usage: RequestUsage | null,
): Promise<RunAnswer & { run: Run }> {
  const rows = () =>
    onOneConnection(db, (one) =>
      Promise.all([getAskedRun(one, organizationId, runId), readRunMessages(one, organizationId, runId)]),
    )
  const [{ run, request }, messages] = await readPatiently(rows)
  const sent = new Set(request.input.map(({ id }) => id))
  const output = messages.filter((message) => isTold(message) && isOutput(message) && !sent.has(message.id))
  return { run, views: shownOf(output, request), usage: usage ?? (await usageOf(db, organizationId, run)) }
}

/** Messages of a transcript. */
const TRANSCRIPT_MAX = 100

/** What was said in a run, with what its caller said. */
export async function transcriptOfRun(db: Db, organizationId: OrganizationId, run: Run): Promise<RunAnswer> {
  const request = await getRequest(db, organizationId, run.id)
  const messages = (await readRunMessages(db, organizationId, run.id)).filter(isTold)
  return {
    views: shownOf(messages.slice(0, TRANSCRIPT_MAX), request),
    usage: await usageOf(db, organizationId, run),
  }
}

function shownOf(messages: Message[], request: TurnRequest): MessageView[] {
  const told = withCompactionEvents(viewsOf(messages, viewOptionsOf(request)))
  return filterViews(told, request.returnTypes)
}

function isTold(message: Message): boolean {
  return !isNudge(message) && !message.isErr
}

async function usageOf(db: Db, organizationId: OrganizationId, run: Run): Promise<RequestUsage> {
  const [usage, scope, started] = await Promise.all([
    readUsage(db, organizationId, run.id),
    findScope(db, organizationId, run.conversationId),
    readStartedRuns(db, organizationId, run.id, TENDING_RUN),
  ])
  return {
    ...usage,
    contextTokens: scope?.context_tokens ?? null,
    runIds: started.length > 0 ? started : null,
  }
}
