import { z } from '@hono/zod-openapi'
import { MESSAGE_TYPES } from '../../domain/frame.ts'
import { type ConversationId, isId, type MessageId, type OrganizationId } from '../../domain/id.ts'
import { filterViews, viewsOf } from '../../domain/view.ts'
import { getMessage, readMessagePage } from '../../store/message-lists.ts'
import { getRun } from '../../store/runs.ts'
import { getAgentTarget, getConversationTarget, type Target } from '../../store/scopes.ts'
import { withFreshPrompts } from '../../worker/fresh-prompts.ts'
import { answerJson, noteWhenSent } from '../answer-json.ts'
import { cancelAll, cancelRuns } from '../cancel.ts'
import type { HttpDeps } from '../deps.ts'
import { previewRequest } from '../preview.ts'
import { type Endpoint, route } from '../route.ts'
import { id, ShownObject } from '../schemas/basics.ts'
import { queryBool, queryEnum, queryEnums, queryInt, queryText } from '../schemas/query.ts'
import { decodeSend, LettaAsyncRequest, LettaStreamingRequest, type SendBody } from '../schemas/send.ts'
import { commandOf, type SendCommand, startSend } from '../send.ts'
import { streamRun } from '../stream-run.ts'
import { viewOptionsFor } from '../view-options.ts'
import { toWireMessage } from '../wire/message.ts'
import { toWireRun } from '../wire/run.ts'

const params = z.object({ agent_id: id('agent') })

const listQuery = z.object({
  before: queryText(),
  after: queryText(),
  limit: queryInt({ min: 0 }),
  order: queryEnum(['asc', 'desc']),
  order_by: queryEnum(['created_at']),
  group_id: queryText(),
  conversation_id: queryText(),
  use_assistant_message: queryBool(),
  assistant_message_tool_name: queryText(),
  assistant_message_tool_kwarg: queryText(),
  include_err: queryBool(),
  include_return_message_types: queryEnums(MESSAGE_TYPES),
})

/** Sending to an agent's default conversation, and reading what was said in all of them. */
export function messageRoutes(deps: HttpDeps): Endpoint[] {
  return [
    send(deps),
    sendStream(deps),
    sendAsync(deps),
    list(deps),
    cancel(deps),
    preview(deps),
    listAll(deps),
    retrieve(deps),
  ]
}

function send(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/agents/{agent_id}/messages',
      operationId: 'sendMessage',
      summary: 'Send messages to an agent; one JSON answer, or a stream when `streaming` is set',
      params,
      body: LettaStreamingRequest,
      answer: ShownObject,
    },
    async (asked) => {
      const target = await getAgentTarget(deps.db, asked.actor.organizationId, asked.params.agent_id)
      const body = decodeSend(asked.body)
      const runType = 'send_message'
      if (!body.streaming) {
        const command = commandOf(asked, target, body, { transport: 'blocking', runType, background: false })
        return answerJson(deps, asked.c, command)
      }
      return stream(deps, commandOf(asked, target, body, wayOfStream(body, runType)))
    },
  )
}

function wayOfStream(
  body: SendBody,
  runType: string,
): Pick<SendCommand, 'transport' | 'runType' | 'background'> {
  return { transport: body.background ? 'background' : 'stream', runType, background: body.background }
}

async function stream(deps: HttpDeps, command: SendCommand): Promise<Response> {
  const { runId } = await startSend(deps, command)
  return streamRun(deps.engine.deps, command.actor.organizationId, runId, {
    afterSeq: 0,
    includePings: command.body.includePings,
    pingMs: deps.engine.pingMs,
  })
}

function sendStream(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/agents/{agent_id}/messages/stream',
      operationId: 'sendMessageStream',
      summary: 'Send messages to an agent and follow its answer as a stream',
      isDeprecated: true,
      params,
      body: LettaStreamingRequest,
      answer: z.string(),
      answerType: 'text/event-stream',
    },
    async (asked) => {
      const target = await getAgentTarget(deps.db, asked.actor.organizationId, asked.params.agent_id)
      const body = decodeSend(asked.body, true)
      return stream(deps, commandOf(asked, target, body, wayOfStream(body, 'send_message_streaming')))
    },
  )
}

function sendAsync(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/agents/{agent_id}/messages/async',
      operationId: 'sendMessageAsync',
      summary: 'Send messages to an agent and get the run at once',
      params,
      body: LettaAsyncRequest,
      answer: ShownObject,
    },
    async (asked) => {
      const { organizationId } = asked.actor
      const target = await getAgentTarget(deps.db, organizationId, asked.params.agent_id)
      const way = { transport: 'async' as const, runType: 'send_message_async', background: true }
      const { runId, attached } = await startSend(deps, commandOf(asked, target, decodeSend(asked.body), way))
      const run = await getRun(deps.db, organizationId, runId)
      // A new run is shown as it was admitted, whoever has begun with it meanwhile.
      const shown = attached
        ? run
        : { ...run, status: 'created' as const, stopReason: null, completedAt: null }
      noteWhenSent(deps, asked.c, runId)
      return asked.c.json(toWireRun(shown))
    },
  )
}

function list(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/agents/{agent_id}/messages',
      operationId: 'listMessages',
      summary: 'List what was said in the conversations of an agent, oldest first within a page',
      params,
      query: listQuery,
      answer: z.array(ShownObject),
    },
    async ({ params: { agent_id: agentId }, query, actor, c }) => {
      const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
      const conversationId = await conversationIdOf(deps, actor.organizationId, query.conversation_id, target)
      const order = query.order ?? 'desc'
      const stored = await readMessagePage(
        deps.db,
        actor.organizationId,
        { agentId, ...(conversationId && { conversationId }) },
        {
          before: messageId(query.before),
          after: messageId(query.after),
          limit: query.limit ?? 100,
          order,
          includeErrors: query.include_err ?? false,
          groupId: query.group_id ?? null,
        },
      )
      const messages = await withFreshPrompts(deps.db, actor.organizationId, stored)
      const options = viewOptionsFor(target.agentType, {
        foldTool:
          query.use_assistant_message === false
            ? null
            : (query.assistant_message_tool_name ?? 'send_message'),
        foldArgument: query.assistant_message_tool_kwarg ?? 'message',
      })
      const views = viewsOf(order === 'desc' ? messages.toReversed() : messages, options)
      const shown = filterViews(views, query.include_return_message_types ?? null)
      return c.json(shown.map((view) => toWireMessage(view, null)))
    },
  )
}

/** Undefined: all of them. Faults: not_found. */
async function conversationIdOf(
  deps: HttpDeps,
  organizationId: OrganizationId,
  name: string | undefined,
  target: Target,
) {
  if (name === undefined || name === '') return undefined
  if (name === 'default') return target.conversationId
  // An id of another form is the id of nothing.
  if (!isId('conv', name)) return name as ConversationId
  return (await getConversationTarget(deps.db, organizationId, name)).conversationId
}

/** A cursor that is no id of a message is the id of none. */
function messageId(text: string | undefined): MessageId | null {
  return text === undefined || text === '' ? null : (text as MessageId)
}

function cancel(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/agents/{agent_id}/messages/cancel',
      operationId: 'cancelAgentRun',
      summary: 'Cancel the given runs of an agent, or all that are active',
      params,
      body: z.object({ run_ids: z.array(z.string()).nullish() }).nullish(),
      answer: z.record(z.string(), z.string()),
    },
    async ({ params: { agent_id: agentId }, body, actor, c }) => {
      const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
      const runIds = body?.run_ids ?? []
      if (runIds.length > 0) return c.json(await cancelRuns(deps, actor.organizationId, runIds))
      return c.json(await cancelAll(deps, actor.organizationId, target, { of: 'agent', name: agentId }))
    },
  )
}

function preview(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/agents/{agent_id}/messages/preview-raw-payload',
      operationId: 'previewRawPayload',
      summary: 'The request that the model provider would get; nothing is sent or stored',
      params,
      body: LettaStreamingRequest,
      answer: ShownObject,
    },
    async ({ params: { agent_id: agentId }, body, actor, c }) => {
      const target = await getAgentTarget(deps.db, actor.organizationId, agentId)
      const decoded = decodeSend(body, true)
      return c.json(await previewRequest(deps, actor, target, decoded))
    },
  )
}

const globalQuery = z.object({
  conversation_id: queryText(),
  before: queryText(),
  after: queryText(),
  limit: queryInt({ min: 0 }),
  order: queryEnum(['asc', 'desc']),
  order_by: queryEnum(['created_at']),
  include_return_message_types: queryEnums(MESSAGE_TYPES),
})

function listAll(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/messages',
      operationId: 'listAllMessages',
      summary: 'List what was said to all agents, oldest first within a page',
      query: globalQuery,
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const order = query.order ?? 'desc'
      const stored = await readMessagePage(
        deps.db,
        actor.organizationId,
        // An id of another form is the id of nothing.
        query.conversation_id === undefined
          ? { organization: true }
          : { conversationId: query.conversation_id as ConversationId },
        {
          before: messageId(query.before),
          after: messageId(query.after),
          limit: query.limit ?? 100,
          order,
          includeErrors: false,
        },
      )
      const messages = await withFreshPrompts(deps.db, actor.organizationId, stored)
      const views = viewsOf(
        order === 'desc' ? messages.toReversed() : messages,
        viewOptionsFor('letta_v1_agent', null),
      )
      return c.json(
        filterViews(views, query.include_return_message_types ?? null).map((view) =>
          toWireMessage(view, null),
        ),
      )
    },
  )
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/messages/{message_id}',
      operationId: 'retrieveMessage',
      summary: 'Everything that one stored message shows',
      params: z.object({ message_id: id('message') }),
      answer: z.array(ShownObject),
    },
    async ({ params: { message_id: messageId }, actor, c }) => {
      const { message } = await getMessage(deps.db, actor.organizationId, messageId)
      const views = viewsOf(await withFreshPrompts(deps.db, actor.organizationId, [message]), OLD_VIEWS)
      return c.json(views.toReversed().map((view) => toWireMessage(view, null)))
    },
  )
}

/** One message is shown as the old server's first agents would be, last part first: recorded, and read by clients. */
const OLD_VIEWS = viewOptionsFor('memgpt_agent', { foldTool: 'send_message', foldArgument: 'message' })
