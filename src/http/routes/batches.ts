import { z } from '@hono/zod-openapi'
import type { Actor } from '../../domain/actor.ts'
import { Fault } from '../../domain/fault.ts'
import { type AgentId, isId, type MessageId } from '../../domain/id.ts'
import type { BatchRequest, JobId } from '../../domain/job.ts'
import { agentMissing, readAgentTypes } from '../../store/agents.ts'
import { readBatchMessages } from '../../store/batches.ts'
import { getJob, readJobs } from '../../store/jobs.ts'
import { cancelJob, startBatch } from '../../worker/drive-batch.ts'
import { getListing } from '../../worker/request-model.ts'
import { refuseUnknownToOldTypes } from '../../worker/turn-request.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { CallbackUrl, id, ShownObject } from '../schemas/basics.ts'
import { queryEnum, queryInt, queryText } from '../schemas/query.ts'
import { decodeSend, LettaRequest } from '../schemas/send.ts'
import { bodyHashOf, checkCallbackUrl, optionsOf } from '../send.ts'
import { toWireJob } from '../wire/job.ts'
import { toWireStoredMessage } from '../wire/stored-message.ts'

const params = z.object({ batch_id: z.string() })
const paged = {
  before: queryText(),
  after: queryText(),
  limit: queryInt({ min: 0 }),
  order: queryEnum(['asc', 'desc']),
  order_by: queryEnum(['created_at']),
}

/** Requests to many agents at once, answered when there is time: each is a run of its own. */
export function batchRoutes(deps: HttpDeps): Endpoint[] {
  return [create(deps), list(deps), retrieve(deps), messages(deps), cancel(deps)]
}

const Body = z.object({
  requests: z.array(LettaRequest.and(z.object({ agent_id: id('agent') }))),
  callback_url: CallbackUrl.nullish(),
})

function create(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/messages/batches',
      operationId: 'createBatch',
      summary: 'Send messages to many agents; each request becomes a run',
      body: Body,
      answer: ShownObject,
    },
    async ({ body, actor, c }) => {
      if (body.requests.length === 0) throw new Fault('bad_request', 'A batch needs at least one request')
      if (body.callback_url) await checkCallbackUrl(body.callback_url, deps.engine.guard)
      const requests = body.requests.map((request): BatchRequest => {
        const decoded = decodeSend(request, false)
        const [options, bodyHash] = [optionsOf(decoded), bodyHashOf(decoded)]
        return { agentId: request.agent_id, input: decoded.items, options, bodyHash }
      })
      await checkRequests(deps, actor, requests)
      const callbackUrl = body.callback_url ?? null
      const jobId = await startBatch(deps.engine.deps, { ...actor, callbackUrl, requests })
      return c.json(toWireJob(await getJob(deps.db, actor, jobId)))
    },
  )
}

/** What can be known of the requests before they are started. Faults: not_found, coded_not_found, bad_request. */
async function checkRequests(
  { db, catalog }: HttpDeps,
  { organizationId }: Actor,
  requests: BatchRequest[],
): Promise<void> {
  const ids = new Set(requests.map(({ agentId }) => agentId))
  const types = await readAgentTypes(db, organizationId, [...ids])
  for (const { agentId, options } of requests) {
    const agentType = types.get(agentId)
    if (!agentType) throw agentMissing(agentId)
    refuseUnknownToOldTypes({ agentType, isDefault: true }, options)
  }
  const handles = new Set(requests.flatMap(({ options }) => options.overrideModel ?? []))
  for (const handle of handles) await getListing({ catalog }, handle)
}

function list(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/messages/batches',
      operationId: 'listBatches',
      summary: 'List batches',
      query: z.object(paged),
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const found = await readJobs(deps.db, actor, {
        jobType: 'batch',
        activeOnly: false,
        sourceId: null,
        // What is no id of a batch bounds nothing.
        before: (query.before ?? null) as JobId | null,
        after: (query.after ?? null) as JobId | null,
        order: query.order ?? 'desc',
        limit: query.limit ?? 100,
      })
      return c.json(found.map(toWireJob))
    },
  )
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/messages/batches/{batch_id}',
      operationId: 'retrieveBatch',
      summary: 'A batch',
      params,
      answer: ShownObject,
    },
    async ({ params, actor, c }) => c.json(toWireJob(await getJob(deps.db, actor, jobId(params.batch_id)))),
  )
}

function messages(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/messages/batches/{batch_id}/messages',
      operationId: 'listBatchMessages',
      summary: 'What the runs of a batch have stored',
      params,
      query: z.object({ ...paged, agent_id: queryText() }),
      answer: ShownObject,
    },
    async ({ params, query, actor, c }) => {
      const { id: batchId } = await getJob(deps.db, actor, jobId(params.batch_id))
      const found = await readBatchMessages(deps.db, actor.organizationId, batchId, {
        // Ids that are none match nothing, or bound nothing.
        agentId: (query.agent_id ?? null) as AgentId | null,
        before: (query.before ?? null) as MessageId | null,
        after: (query.after ?? null) as MessageId | null,
        order: query.order ?? 'desc',
        limit: query.limit ?? 100,
      })
      return c.json({
        messages: found.map(({ message, agentId }) =>
          toWireStoredMessage(message, {
            agentId,
            agentModel: message.model ?? '',
            conversationId: null,
            createdById: actor.userId,
          }),
        ),
      })
    },
  )
}

function cancel(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'patch',
      path: '/messages/batches/{batch_id}/cancel',
      operationId: 'cancelBatch',
      summary: 'Cancel a batch and its runs',
      params,
      answer: z.null(),
    },
    async ({ params, actor, c }) => {
      const { id: batchId } = await getJob(deps.db, actor, jobId(params.batch_id))
      await cancelJob(deps.engine.deps, deps.engine.worker, actor.organizationId, batchId)
      return c.json(null)
    },
  )
}

/** Faults: invalid_argument. */
function jobId(text: string): JobId {
  if (isId('job', text)) return text
  throw new Fault('invalid_argument', `Invalid job ID format: ${text}. Expected format: 'job-<uuid4>'`)
}
