import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import type { JobId } from '../../domain/job.ts'
import { deleteJob, findJob, getJob, type JobPage, readJobs } from '../../store/jobs.ts'
import { cancelJob } from '../../worker/drive-batch.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { id, ShownObject } from '../schemas/basics.ts'
import { queryBool, queryEnum, queryInt, queryText } from '../schemas/query.ts'
import { toWireJob } from '../wire/job.ts'

const params = z.object({ job_id: id('job') })

const listQuery = z.object({
  source_id: queryText(),
  before: queryText(),
  after: queryText(),
  limit: queryInt({ min: 0 }),
  order: queryEnum(['asc', 'desc']),
  order_by: queryEnum(['created_at']),
  active: queryBool(),
  ascending: queryBool(),
})

/** Work of the server that a user can watch. */
export function jobRoutes(deps: HttpDeps): Endpoint[] {
  return [
    list(deps, '/jobs', 'listJobs', 100),
    list(deps, '/jobs/active', 'listActiveJobs', 50),
    retrieve(deps),
    remove(deps),
    cancel(deps),
  ]
}

function list(deps: HttpDeps, path: string, operationId: string, limitDefault: number): Endpoint {
  return route(
    {
      method: 'get',
      path,
      operationId,
      summary: path === '/jobs' ? 'List jobs' : 'List jobs that have not ended',
      query: listQuery,
      answer: z.array(ShownObject),
    },
    async ({ query, actor, c }) => {
      const page: JobPage = {
        jobType: 'job',
        activeOnly: path === '/jobs/active' || query.active === true,
        sourceId: query.source_id ?? null,
        // What is no id of a job bounds nothing.
        before: (query.before ?? null) as JobId | null,
        after: (query.after ?? null) as JobId | null,
        order: query.ascending === false ? 'desc' : (query.order ?? 'desc'),
        limit: query.limit ?? limitDefault,
      }
      return c.json((await readJobs(deps.db, actor, page)).map(toWireJob))
    },
  )
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/jobs/{job_id}',
      operationId: 'retrieveJob',
      summary: 'A job',
      params,
      answer: ShownObject,
    },
    async ({ params, actor, c }) => c.json(toWireJob(await getJob(deps.db, actor, params.job_id))),
  )
}

function remove(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'delete',
      path: '/jobs/{job_id}',
      operationId: 'deleteJob',
      summary: 'Delete a job; runs that it has started stay',
      params,
      answer: ShownObject,
    },
    async ({ params, actor, c }) => {
      const job = await findJob(deps.db, actor.organizationId, params.job_id)
      if (job?.userId !== actor.userId) {
        const text = `Job with id ${params.job_id} does not exist or user does not have access`
        throw new Fault('not_found', text)
      }
      await deleteJob(deps.db, actor.organizationId, job.id)
      return c.json(toWireJob(job))
    },
  )
}

function cancel(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'patch',
      path: '/jobs/{job_id}/cancel',
      operationId: 'cancelJob',
      summary: 'Cancel a job; one that has ended stays as it is',
      params,
      answer: ShownObject,
    },
    async ({ params, actor, c }) => {
      await getJob(deps.db, actor, params.job_id)
      const { deps: engine, worker } = deps.engine
      await cancelJob(engine, worker, actor.organizationId, params.job_id)
      return c.json(toWireJob(await getJob(deps.db, actor, params.job_id)))
    },
  )
}
