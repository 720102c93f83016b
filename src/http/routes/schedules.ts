import { z } from '@hono/zod-openapi'
import { Fault } from '../../domain/fault.ts'
import { MESSAGE_TYPES } from '../../domain/frame.ts'
import { isId, newId } from '../../domain/id.ts'
import type { ScheduleId, Timing } from '../../domain/schedule.ts'
import { deleteSchedule, getSchedule, readSchedules } from '../../store/schedules.ts'
import { getAgentTarget } from '../../store/scopes.ts'
import { startSchedule, timeAfter } from '../../worker/fire-schedule.ts'
import type { HttpDeps } from '../deps.ts'
import { type Endpoint, route } from '../route.ts'
import { CallbackUrl, id, ShownObject } from '../schemas/basics.ts'
import { MessageCreate, withType } from '../schemas/message-input.ts'
import { queryInt, queryText } from '../schemas/query.ts'
import { checkCallbackUrl } from '../send.ts'
import { decodeInput } from '../wire/message-input.ts'
import { toWireSchedule } from '../wire/schedule.ts'

const ofAgent = z.object({ agent_id: id('agent') })
const one = z.object({ agent_id: id('agent'), scheduled_message_id: z.string() })

const STEPS_MAX_DEFAULT = 50
const PAGE_DEFAULT = 50
/** A time that has just gone by is meant as now: clocks differ. */
const LATE_MS_MAX = 60_000

/** The last time that has a year of four digits. */
const YEAR_9999_MS = Date.UTC(10_000, 0) - 1

const OneTime = z.object({
  type: z.literal('one-time').default('one-time'),
  /** Milliseconds since 1970. */
  scheduled_at: z.number().positive().max(YEAR_9999_MS),
})
const Recurring = z.object({
  type: z.literal('recurring'),
  cron_expression: z.string(),
  timezone: z.string().default('UTC'),
})

const Body = z.object({
  messages: z.array(z.preprocess(withType, MessageCreate)).min(1),
  schedule: z.union([Recurring, OneTime]),
  max_steps: z.int().min(1).default(STEPS_MAX_DEFAULT),
  callback_url: CallbackUrl.nullish(),
  include_return_message_types: z.array(z.enum(MESSAGE_TYPES)).nullish(),
})

/** Messages that the server sends to an agent by itself, at a time or again and again. */
export function scheduleRoutes(deps: HttpDeps): Endpoint[] {
  return [create(deps), list(deps), retrieve(deps), remove(deps)]
}

function create(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'post',
      path: '/agents/{agent_id}/schedule',
      operationId: 'scheduleMessage',
      summary:
        'Send a message to an agent at a time, or again and again by a cron expression of five fields (in UTC, or in `timezone`)',
      params: ofAgent,
      body: Body,
      answer: ShownObject,
    },
    async ({ params, body, actor, c }) => {
      const { organizationId } = actor
      await getAgentTarget(deps.db, organizationId, params.agent_id)
      if (body.callback_url) await checkCallbackUrl(body.callback_url, deps.engine.guard)
      const timing = timingOf(body.schedule)
      const schedule = {
        id: newId('schedule'),
        organizationId,
        agentId: params.agent_id,
        createdById: actor.userId,
        timing,
        input: body.messages.map(decodeInput),
        stepsMax: body.max_steps,
        returnTypes: body.include_return_message_types ?? null,
        callbackUrl: body.callback_url ?? null,
        nextAt: firstTime(timing),
      }
      await startSchedule(deps.engine.deps, schedule)
      return c.json({ id: schedule.id, next_scheduled_at: schedule.nextAt }, 201)
    },
  )
}

function timingOf(given: z.output<typeof Body>['schedule']): Timing {
  return given.type === 'recurring'
    ? { type: 'recurring', cron: given.cron_expression, timezone: given.timezone }
    : { type: 'one-time', atMs: Math.round(given.scheduled_at) }
}

/** Faults: unprocessable for an expression that means nothing and for a time that is over. */
function firstTime(timing: Timing): string {
  const now = new Date()
  try {
    const late = new Date(now.getTime() - LATE_MS_MAX)
    const first = timeAfter(timing, timing.type === 'one-time' ? late : now)
    if (first !== null) return first
  } catch (error) {
    throw unfit(error instanceof Error ? error.message : String(error))
  }
  throw unfit('scheduled_at is over; it is a time in milliseconds since 1970')
}

function unfit(why: string): Fault {
  return new Fault('unprocessable', `Invalid schedule: ${why}`, { trace_id: '' })
}

function list(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/agents/{agent_id}/schedule',
      operationId: 'listScheduledMessages',
      summary: 'Scheduled messages of an agent, the newest first',
      params: ofAgent,
      query: z.object({ limit: queryInt({ min: 1, max: 1_000 }), after: queryText() }),
      answer: ShownObject,
    },
    async ({ params, query, actor, c }) => {
      await getAgentTarget(deps.db, actor.organizationId, params.agent_id)
      const limit = query.limit ?? PAGE_DEFAULT
      const after = query.after === undefined ? null : scheduleId(query.after)
      const found = await readSchedules(deps.db, actor.organizationId, params.agent_id, { after, limit })
      return c.json({
        has_next_page: found.length > limit,
        scheduled_messages: found.slice(0, limit).map(toWireSchedule),
      })
    },
  )
}

function retrieve(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'get',
      path: '/agents/{agent_id}/schedule/{scheduled_message_id}',
      operationId: 'retrieveScheduledMessage',
      summary: 'A scheduled message',
      params: one,
      answer: ShownObject,
    },
    async ({ params, actor, c }) => {
      const name = scheduleId(params.scheduled_message_id)
      return c.json(toWireSchedule(await getSchedule(deps.db, actor.organizationId, params.agent_id, name)))
    },
  )
}

function remove(deps: HttpDeps): Endpoint {
  return route(
    {
      method: 'delete',
      path: '/agents/{agent_id}/schedule/{scheduled_message_id}',
      operationId: 'deleteScheduledMessage',
      summary: 'Forget a scheduled message; a run that it has started goes on',
      params: one,
      answer: z.object({ success: z.literal(true) }),
    },
    async ({ params, actor, c }) => {
      const name = scheduleId(params.scheduled_message_id)
      await getSchedule(deps.db, actor.organizationId, params.agent_id, name)
      await deleteSchedule(deps.db, actor.organizationId, name)
      return c.json({ success: true })
    },
  )
}

/** Faults: not_found for what cannot be one. */
function scheduleId(text: string): ScheduleId {
  if (!isId('schedule', text))
    throw new Fault('not_found', `Scheduled message not found with id='['${text}']'`)
  return text
}
