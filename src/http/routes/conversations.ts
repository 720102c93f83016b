import { z } from '@hono/zod-openapi'
import { MESSAGE_POLICIES } from '../../domain/conversation.ts'
import { Fault } from '../../domain/fault.ts'
import { type AgentId, type ConversationId, isId } from '../../domain/id.ts'
import {
  type ConversationChange,
  getConversation,
  readConversations,
  updateConversation,
} from '../../store/conversations.ts'
import { getAgentTarget } from '../../store/scopes.ts'
import { removeConversation } from '../../worker/delete-scopes.ts'
import { forkConversation, openConversation, recompile } from '../../worker/scope-acts.ts'
import type { HttpDeps } from '../deps.ts'
import { previewRequest } from '../preview.ts'
import { type Endpoint, route } from '../route.ts'
import { id, ShownObject } from '../schemas/basics.ts'
import { ModelSettings } from '../schemas/model-settings.ts'
import { Moment } from '../schemas/moment.ts'
import { queryBool, queryEnum, queryInt, queryText } from '../schemas/query.ts'
import { ConversationMessageRequest, decodeSend } from '../schemas/send.ts'
import { targetOf } from '../targets.ts'
import { toWireConversation } from '../wire/conversation.ts'

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
