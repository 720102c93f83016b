import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import { MESSAGE_TYPES } from '../../domain/frame.ts'
import type { MessageId, OrganizationId, RunId } from '../../domain/id.ts'
import { filterViews, viewsOf } from '../../domain/view.ts'
import { findRunByOtid } from '../../store/idempotency.ts'
import { readMessagePage } from '../../store/message-lists.ts'
import { readActiveRuns } from '../../store/run-lists.ts'
import { getRun } from '../../store/runs.ts'
import type { Target } from '../../store/scopes.ts'
import { withFreshPrompts } from '../../worker/fresh-prompts.ts'
import { answerJson } from '../answer-json.ts'
import { cancelAll } from '../cancel.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { ShownObject } from '../schemas/basics.ts'
import { queryBool, queryEnum, queryEnums, queryInt, queryText } from '../schemas/query.ts'
import { ConversationMessageRequest, decodeSend } from '../schemas/send.ts'
import { type SendCommand, senderOf, startSend } from '../send.ts'
import { streamRun } from '../stream-run.ts'
import { targetOf } from '../targets.ts'
import { viewOptionsFor } from '../view-options.ts'
import { toWireMessage } from '../wire/message.ts'
import { followFrom } from './run-streams.ts'

const anyName = z.object({ conversation_id: z.string() })

export function conversationMessageRoutes(deps: HttpDeps): Endpoint[] {
  return [messages(deps), send(deps), stream(deps), cancel(deps)]
}

function messages(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/conversations/{conversation_id}/messages',
      operationId: 'listConversationMessages',
      summary: 'List what was said in a conversation',
      params: anyName,
      query: z.object({
        agent_id: queryText(),
        before: queryText(),
        after: queryText(),
        limit: queryInt({ min: 0 }),
        order: queryEnum(['asc', 'desc']),
        order_by: queryEnum(['created_at']),
        group_id: queryText(),
        include_err: queryBool(),
        include_return_message_types: queryEnums(MESSAGE_TYPES),
      }),
      answer: z.array(ShownObject),
    },
    async ({ params, query, actor, c }) => {
      const target = await targetOf(
        deps.db,
        actor.organizationId,
        params.conversation_id,
        query.agent_id ?? null,
      )
      const order = query.order ?? 'desc'
      const page = await readMessagePage(
        deps.db,
        actor.organizationId,
        { conversationId: target.conversationId },
        {
          before: (query.before ?? null) as MessageId | null,
          after: (query.after ?? null) as MessageId | null,
          limit: query.limit ?? 100,
          order,
          includeErrors: query.include_err ?? false,
          groupId: query.group_id ?? null,
        },
      )
      const stored = await withFreshPrompts(deps.db, actor.organizationId, page)
      // A default conversation is shown as its agent's list is: the newest, but the oldest of them first.
      const shown = target.isDefault && order === 'desc' ? stored.toReversed() : stored
      const views = viewsOf(
        shown,
        viewOptionsFor(target.agentType, { foldTool: 'send_message', foldArgument: 'message' }),
      )
      return c.json(
        filterViews(views, query.include_return_message_types ?? null).map((view) =>
          toWireMessage(view, null),
        ),
      )
    },
  )
}

function send(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations/{conversation_id}/messages',
      operationId: 'sendConversationMessage',
      summary: 'Send messages to a conversation; a stream unless `streaming` is false',
      params: anyName,
      body: ConversationMessageRequest,
      answer: z.string(),
      answerType: 'text/event-stream',
    },
    async ({ params, body, actor, c }) => {
      const target = await targetOf(
        deps.db,
        actor.organizationId,
        params.conversation_id,
        body.agent_id ?? null,
      )
      const decoded = decodeSend(body)
      const command: SendCommand = {
        actor,
        target,
        body: decoded,
        transport: !decoded.streaming ? 'blocking' : decoded.background ? 'background' : 'stream',
        policy: 'reject',
        runType: target.isDefault ? 'send_message' : 'send_conversation_message',
        background: decoded.background,
        ...senderOf({ c }),
      }
      if (!decoded.streaming) return answerJson(deps, c, command)
      const { runId } = await startSend(deps, command)
      return streamRun(deps.engine.deps, actor.organizationId, runId, {
        afterSeq: 0,
        includePings: decoded.includePings,
        pingMs: deps.engine.pingMs,
      })
    },
  )
}

const streamBody = z
  .object({
    run_id: z.string().nullish(),
    otid: z.string().nullish(),
    agent_id: z.string().nullish(),
    starting_after: z.int().min(0).nullish(),
    include_pings: z.boolean().nullish(),
    poll_interval: z.number().nullish(),
    batch_size: z.number().nullish(),
  })
  .nullish()
type StreamBody = z.output<typeof streamBody>

function stream(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations/{conversation_id}/stream',
      operationId: 'retrieveConversationStream',
      summary:
        'Follow a run of the conversation again: by its id, by the otid that started it, or the one that is active',
      params: anyName,
      body: streamBody,
      answer: z.string(),
      answerType: 'text/event-stream',
    },
    async ({ params, body, actor }) => {
      const target = await targetOf(
        deps.db,
        actor.organizationId,
        params.conversation_id,
        body?.agent_id ?? null,
      )
      const run = await getRun(
        deps.db,
        actor.organizationId,
        await runIdFor(deps, actor.organizationId, target, body),
      )
      const afterSeq = body?.starting_after ?? 0
      return followFrom(deps, run, { afterSeq, includePings: body?.include_pings ?? true })
    },
  )
}

/** Faults: not_found for an otid that started nothing, invalid_argument when nothing is active or it is not in background. */
async function runIdFor(
  deps: HttpDeps,
  organizationId: OrganizationId,
  target: Target,
  body: StreamBody,
): Promise<RunId> {
  if (body?.run_id) return body.run_id as RunId
  if (body?.otid) {
    const found = await findRunByOtid(deps.db, organizationId, body.otid)
    if (!found) throw new Fault('not_found', `No run found for otid=${body.otid}`)
    return found
  }
  const [newest] = await readActiveRuns(deps.db, organizationId, { conversationId: target.conversationId })
  if (!newest) throw new Fault('invalid_argument', 'No active runs found for this conversation.')
  const run = await getRun(deps.db, organizationId, newest.id)
  if (!run.background) {
    throw new Fault('invalid_argument', 'Run was not created in background mode, so it cannot be retrieved.')
  }
  return newest.id
}

function cancel(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations/{conversation_id}/cancel',
      operationId: 'cancelConversation',
      summary: 'Cancel what runs in a conversation',
      params: anyName,
      query: z.object({ agent_id: queryText() }),
      body: z.unknown(),
      answer: z.record(z.string(), z.string()),
    },
    async ({ params, query, actor, c }) => {
      const target = await targetOf(
        deps.db,
        actor.organizationId,
        params.conversation_id,
        query.agent_id ?? null,
      )
      const scope = { of: 'conversation' as const, name: params.conversation_id }
      return c.json(await cancelAll(deps, actor.organizationId, target, scope))
    },
  )
}
