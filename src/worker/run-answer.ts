import type { MessageView, RequestUsage } from '../domain/frame.ts'
import type { OrganizationId } from '../domain/id.ts'
import type { Run } from '../domain/run.ts'
import { filterViews, isNudge, isOutput, viewOptionsOf, viewsOf } from '../domain/view.ts'
import { readRunMessages } from '../store/message-lists.ts'
import { getRequest } from '../store/runs.ts'
import type { Db } from '../store/schema.ts'
import { findScope } from '../store/scopes.ts'
import { readUsage } from '../store/steps.ts'

/** The whole answer of a run, as a caller who waited for it gets it. Built from the stored rows, not from the stream. */
export type RunAnswer = { views: MessageView[]; usage: RequestUsage }

export async function answerOfRun(db: Db, organizationId: OrganizationId, run: Run): Promise<RunAnswer> {
  const [request, messages, usage, scope] = await Promise.all([
    getRequest(db, organizationId, run.id),
    readRunMessages(db, organizationId, run.id),
    readUsage(db, organizationId, run.id),
    findScope(db, organizationId, run.conversationId),
  ])
  const output = messages.filter((message) => isOutput(message) && !isNudge(message) && !message.isErr)
  const views = filterViews(viewsOf(output, viewOptionsOf(request)), request.returnTypes)
  return { views, usage: { ...usage, contextTokens: scope?.context_tokens ?? null, runIds: null } }
}
