import { z } from '@hono/zod-openapi'
import { MESSAGE_POLICIES } from '../../domain/conversation.ts'
import { Fault } from '../../domain/fault.ts'
import { MESSAGE_TYPES } from '../../domain/frame.ts'
import {
  type AgentId,
  type ConversationId,
  isId,
  type MessageId,
  type OrganizationId,
  type RunId,
} from '../../domain/id.ts'
import { filterViews, viewsOf } from '../../domain/view.ts'
import {
  type ConversationChange,
  getConversation,
  readConversations,
  updateConversation,
} from '../../store/conversations.ts'
import { findRunByOtid } from '../../store/idempotency.ts'
import { readMessagePage } from '../../store/message-lists.ts'
import { readActiveRuns } from '../../store/run-lists.ts'
import { getRun } from '../../store/runs.ts'
import { getAgentTarget, type Target } from '../../store/scopes.ts'
import { removeConversation } from '../../worker/delete-scopes.ts'
import { withFreshPrompts } from '../../worker/fresh-prompts.ts'
import { forkConversation, openConversation, recompile } from '../../worker/scope-acts.ts'
import { answerJson } from '../answer-json.ts'
import { cancelAll } from '../cancel.ts'
import type { HttpDeps } from '../deps.ts'
import { previewRequest } from '../preview.ts'
import { type Endpoint, route } from '../route.ts'
import { id, ShownObject } from '../schemas/basics.ts'
import { ModelSettings } from '../schemas/model-settings.ts'
import { Moment } from '../schemas/moment.ts'
import { queryBool, queryEnum, queryEnums, queryInt, queryText } from '../schemas/query.ts'
import { ConversationMessageRequest, decodeSend } from '../schemas/send.ts'
import { type SendCommand, startSend } from '../send.ts'
import { streamRun } from '../stream-run.ts'
import { targetOf } from '../targets.ts'
import { viewOptionsFor } from '../view-options.ts'
import { toWireConversation } from '../wire/conversation.ts'
import { toWireMessage } from '../wire/message.ts'
import { followFrom } from './runs.ts'

const conv = z.object({ conversation_id: id('conv') })
const anyName = z.object({ conversation_id: z.string() })

export function conversationRoutes(deps: HttpDeps): Endpoint[] {
  return [
    create(deps),
    list(deps),
    retrieve(deps),
    update(deps),
    remove(deps),
    fork(deps),
    messages(deps),
    send(deps),
    stream(deps),
    cancel(deps),
    recompileRoute(deps),
    preview(deps),
  ]
}

const createBody = z
  .object({
    summary: z.string().nullish(),
    isolated_block_labels: z.array(z.string()).nullish(),
    model: z.string().nullish(),
    model_settings: ModelSettings.nullish(),
    message_policy: z.enum(MESSAGE_POLICIES).nullish(),
  })
  .nullish()

function create(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations',
      operationId: 'createConversation',
      summary: 'Begin a conversation with an agent, with a context of its own',
      query: z.object({ agent_id: queryText() }),
      body: createBody,
      answer: ShownObject,
    },
    async ({ query, body, actor, c }) => {
      const agentId = query.agent_id ?? ''
      if (!isId('agent', agentId))
        throw new Fault('unprocessable', 'agent_id must be the id of an agent', { trace_id: '' })
      await getAgentTarget(deps.db, actor.organizationId, agentId)
      checkHandle(body?.model)
      const created = await openConversation(deps.db, {
        organizationId: actor.organizationId,
        agentId,
        userId: actor.userId,
        summary: body?.summary ?? null,
        model: body?.model ?? null,
        modelSettings: body?.model_settings ?? null,
        messagePolicy: body?.message_policy ?? null,
        isolatedLabels: body?.isolated_block_labels ?? [],
      })
      return c.json(toWireConversation(await getConversation(deps.db, actor.organizationId, created)))
    },
  )
}

function checkHandle(handle: string | null | undefined): void {
  if (handle && !handle.includes('/')) {
    throw new Fault('invalid_argument', `Invalid model handle: ${handle}. Expected format: 'provider/model'`)
  }
}

function list(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/conversations',
      operationId: 'listConversations',
      summary: 'List conversations',
      query: z.object({
        agent_id: queryText(),
        limit: queryInt({ min: 0 }),
        after: queryText(),
        summary_search: queryText(),
        order: queryEnum(['asc', 'desc']),
        order_by: queryEnum(['created_at', 'last_run_completion', 'last_message_at']),
      }),
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const found = await readConversations(deps.db, actor.organizationId, {
        agentId: (query.agent_id ?? null) as AgentId | null,
        summarySearch: query.summary_search ?? null,
        orderBy: query.order_by ?? 'created_at',
        order: query.order ?? 'desc',
        after: (query.after ?? null) as ConversationId | null,
        limit: query.limit ?? 50,
      })
      return c.json(found.map(toWireConversation))
    },
  )
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/conversations/{conversation_id}',
      operationId: 'retrieveConversation',
      summary: 'A conversation',
      params: conv,
      answer: ShownObject,
    },
    async ({ params, actor, c }) =>
      c.json(
        toWireConversation(await getConversation(deps.db, actor.organizationId, params.conversation_id)),
      ),
  )
}

function update(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'patch',
      path: '/conversations/{conversation_id}',
      operationId: 'updateConversation',
      summary: 'Change a conversation',
      params: conv,
      body: z.object({
        summary: z.string().nullish(),
        model: z.string().nullish(),
        model_settings: ModelSettings.nullish(),
        last_message_at: Moment.nullish(),
        message_policy: z.enum(MESSAGE_POLICIES).nullish(),
      }),
      answer: ShownObject,
    },
    async ({ params, body, actor, c }) => {
      checkHandle(body.model)
      const change: ConversationChange = {
        ...(body.summary !== undefined && { summary: body.summary }),
        ...(body.model !== undefined && { model: body.model }),
        ...(body.model_settings !== undefined && { modelSettings: body.model_settings }),
        ...(body.message_policy !== undefined && { messagePolicy: body.message_policy }),
        ...(body.last_message_at && { lastMessageAt: body.last_message_at }),
      }
      const changed = await updateConversation(deps.db, actor.organizationId, params.conversation_id, change)
      // Clients know its context only from where they ask for it.
      return c.json(toWireConversation({ ...changed, contextIds: [] }))
    },
  )
}

function remove(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'delete',
      path: '/conversations/{conversation_id}',
      operationId: 'deleteConversation',
      summary: 'Delete a conversation; what runs in it is cancelled',
      params: conv,
      answer: z.null(),
    },
    async ({ params, actor, c }) => {
      const { engine } = deps
      await getConversation(deps.db, actor.organizationId, params.conversation_id)
      await removeConversation(engine.deps, engine.worker, actor, params.conversation_id)
      return c.json(null)
    },
  )
}

function fork(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations/{conversation_id}/fork',
      operationId: 'forkConversation',
      summary:
        'A new conversation that goes on from here; with copies of its own blocks, if that is asked for',
      params: anyName,
      query: z.object({ agent_id: queryText(), copy_isolated_blocks: queryBool() }),
      answer: ShownObject,
    },
    async ({ params, query, actor, c }) => {
      const { organizationId } = actor
      const target = await targetOf(deps.db, organizationId, params.conversation_id, query.agent_id ?? null)
      const copiesIsolated = query.copy_isolated_blocks ?? false
      const source = { ...target, organizationId }
      const forked = await forkConversation(deps.db, source, actor.userId, copiesIsolated)
      return c.json(toWireConversation(await getConversation(deps.db, organizationId, forked)))
    },
  )
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
      const stored = await withFreshPrompts(deps.db, actor.organizationId, target.agentId, page)
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
        isRetry: Number(c.req.header('x-stainless-retry-count') ?? 0) > 0,
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

function recompileRoute(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations/{conversation_id}/recompile',
      operationId: 'recompileConversation',
      summary: 'Compile the system prompt of a conversation anew and show it',
      params: anyName,
      query: z.object({ dry_run: queryBool(), agent_id: queryText() }),
      body: z.object({ agent_id: z.string().nullish() }).nullish(),
      answer: z.string(),
    },
    async ({ params, query, body, actor, c }) => {
      const agentId = query.agent_id ?? body?.agent_id ?? null
      const target = await targetOf(deps.db, actor.organizationId, params.conversation_id, agentId)
      const name = { ...target, organizationId: actor.organizationId }
      return c.json(await recompile(deps.db, name, query.dry_run ?? false))
    },
  )
}

function preview(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/conversations/{conversation_id}/messages/preview-raw-payload',
      operationId: 'previewConversationPayload',
      summary: 'The request that the model provider would get; nothing is sent or stored',
      params: anyName,
      body: ConversationMessageRequest,
      answer: ShownObject,
    },
    async ({ params, body, actor, c }) => {
      const target = await targetOf(
        deps.db,
        actor.organizationId,
        params.conversation_id,
        body.agent_id ?? null,
      )
      return c.json(await previewRequest(deps, actor, target, decodeSend(body, true)))
    },
  )
}
