import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import { isTerminal, type Run } from '../../domain/run.ts'
import { getRun } from '../../store/runs.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { queryBool, queryInt } from '../schemas/query.ts'
import { type StreamOptions, streamRun } from '../stream-run.ts'
import { runId, runParams } from './runs.ts'

export function runStreamRoutes(deps: HttpDeps): Endpoint[] {
  return [resume(deps), follow(deps)]
}

const resumeBody = z
  .object({
    starting_after: z.int().min(0).nullish(),
    include_pings: z.boolean().nullish(),
    poll_interval: z.number().nullish(),
    batch_size: z.number().nullish(),
  })
  .nullish()

function resume(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/runs/{run_id}/stream',
      operationId: 'retrieveStream',
      summary: 'Follow a background run from any event on',
      params: runParams,
      body: resumeBody,
      answer: z.string(),
      answerType: 'text/event-stream',
    },
    async ({ params: asked, body, actor }) => {
      const run = await getRun(deps.db, actor.organizationId, runId(asked.run_id))
      if (!run.background) {
        throw new Fault(
          'invalid_argument',
          'Run was not created in background mode, so it cannot be retrieved.',
        )
      }
      const afterSeq = body?.starting_after ?? 0
      return followFrom(deps, run, { afterSeq, includePings: body?.include_pings ?? true })
    },
  )
}

function follow(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/runs/{run_id}/stream',
      operationId: 'followRun',
      summary: 'Follow any run from any event on (`Last-Event-ID` or `starting_after`)',
      params: runParams,
      query: z.object({ starting_after: queryInt({ min: 0 }), include_pings: queryBool() }),
      answer: z.string(),
      answerType: 'text/event-stream',
    },
    async ({ params: asked, query, actor, c }) => {
      const run = await getRun(deps.db, actor.organizationId, runId(asked.run_id))
      const last = Number(c.req.header('last-event-id') ?? query.starting_after ?? 0)
      return followFrom(deps, run, {
        afterSeq: Number.isInteger(last) && last > 0 ? last : 0,
        includePings: query.include_pings ?? true,
        withIds: true,
      })
    },
  )
}

/** Faults: expired when the run's events are gone. */
export function followFrom(deps: HttpDeps, run: Run, options: Omit<StreamOptions, 'pingMs'>): Response {
  if (isTerminal(run.status) && run.eventsPurgedAt !== null) {
    throw new Fault('expired', `The events of ${run.id} are no longer kept`)
  }
  return streamRun(deps.engine.deps, run.organizationId, run.id, { ...options, pingMs: deps.engine.pingMs })
}
