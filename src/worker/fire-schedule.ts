import { createHash } from 'node:crypto'
import { Fault } from '../domain/fault.ts'
import type { Schedule, Timing } from '../domain/schedule.ts'
import { nextTime } from '../lib/next-time.ts'
import { deleteSchedule, findSchedule, insertSchedule, moveSchedule } from '../store/schedules.ts'
import type { Db } from '../store/schema.ts'
import { inTransaction } from '../store/transaction.ts'
import type { EngineDeps } from './deps.ts'
import { OPTIONS_NONE } from './inner-request.ts'
import type { OutboundGuard } from './outbound-guard.ts'
import type { ScheduleJob } from './queue.ts'
import { startInBackground } from './start-in-background.ts'
import type { Worker } from './worker.ts'

/** A schedule and the job of its first time, all or nothing. */
export async function startSchedule(
  deps: Pick<EngineDeps, 'db' | 'queue'>,
  schedule: Schedule,
): Promise<void> {
  await inTransaction(deps.db, async (tx) => {
    await insertSchedule(tx, schedule)
    await enqueueTime(deps, tx, schedule, schedule.nextAt)
  })
}

/**
 * Sends the message of a time that has come. The next time is fixed first, so that a message that cannot be sent does not
 * end the schedule; the message's key is the time, so that however often this is tried there is one run. Times that were
 * missed while no server ran are one time.
 */
export async function fireSchedule(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  job: ScheduleJob,
): Promise<void> {
  const { organizationId, scheduleId, dueAt } = job
  const schedule = await findSchedule(deps.db, organizationId, scheduleId)
  if (!schedule) return
  await inTransaction(deps.db, async (tx) => {
    const next = timeAfter(schedule.timing, new Date(Math.max(Date.now(), Date.parse(dueAt))))
    if (await moveSchedule(tx, organizationId, scheduleId, dueAt, next))
      await enqueueTime(deps, tx, schedule, next)
  })
  const isThere = await send(deps, worker, guard, schedule, dueAt)
  if (!isThere || schedule.timing.type === 'one-time') {
    await deleteSchedule(deps.db, organizationId, scheduleId)
  }
}

/** False: the agent has been deleted. */
async function send(
  deps: EngineDeps,
  worker: Worker,
  guard: OutboundGuard,
  schedule: Schedule,
  dueAt: string,
): Promise<boolean> {
  const { id, organizationId, agentId, input, stepsMax, returnTypes, callbackUrl } = schedule
  const key = `${id}:${dueAt}`
  const started = startInBackground(deps, worker, guard, {
    actor: { organizationId, userId: schedule.createdById },
    agentId,
    // The users' own otids are those of every time: the message's key is the time.
    items: input.map((item, index) => ({ ...item, otid: `${key}:${index}` })),
    bodyHash: createHash('sha256').update(key).digest('hex'),
    options: { ...OPTIONS_NONE, stepsMax, returnTypes },
    callbackUrl,
    metadata: { run_type: 'scheduled_message', scheduled_message_id: id },
  })
  return started.then(
    () => true,
    (error: unknown) => {
      if (error instanceof Fault && error.code === 'not_found') return false
      throw error
    },
  )
}

/** When a schedule is due after a moment; null: never again. Throws what is wrong with a cron expression. */
export function timeAfter(timing: Timing, after: Date): string | null {
  if (timing.type === 'recurring') return nextTime(timing.cron, timing.timezone, after).toISOString()
  return timing.atMs > after.getTime() ? new Date(timing.atMs).toISOString() : null
}

async function enqueueTime(
  { queue }: Pick<EngineDeps, 'queue'>,
  tx: Db,
  { organizationId, id }: Schedule,
  dueAt: string | null,
): Promise<void> {
  if (dueAt === null) return
  await queue.enqueue(tx, 'schedule', null, { organizationId, scheduleId: id, dueAt }, dueAt)
}
