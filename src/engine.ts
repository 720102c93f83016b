import type { Config } from './config.ts'
import { createCredits } from './credits.ts'
import type { ModelCatalog } from './domain/model.ts'
import type { BuiltInTool } from './domain/tool.ts'
import { openDatabase } from './store/open.ts'
import { deleteDeadProcesses } from './store/processes.ts'
import type { Db } from './store/schema.ts'
import { searchMessages } from './store/search-messages.ts'
import { createBuiltInTools } from './tools/index.ts'
import { createAgentPost } from './worker/agent-post.ts'
import { type CallbackDeps, deliverCallback } from './worker/callback.ts'
import type { EngineDeps } from './worker/deps.ts'
import { faultOf } from './worker/fault-points.ts'
import { fireSchedule } from './worker/fire-schedule.ts'
import { startFollowPoll } from './worker/follow-poll.ts'
import { FrameBuffer } from './worker/frame-buffer.ts'
import type { Observe } from './worker/observation.ts'
import { ProcessLease } from './worker/process-lease.ts'
import { Queue } from './worker/queue.ts'
import { RunHub } from './worker/run-hub.ts'
import { deliverStepWebhook } from './worker/step-webhook.ts'
import { Worker } from './worker/worker.ts'

export type Engine = {
  deps: EngineDeps
  worker: Worker
  builtIns: BuiltInTool[]
  stop(graceMs: number): Promise<void>
}

export type EngineParts = {
  connectionString: string
  db: Db
  catalog: ModelCatalog
  config: Config
  observe: Observe
  toResult: CallbackDeps['toResult']
}

/** Makes the parts that drive runs and hands them to each other. */
export async function startEngine(parts: EngineParts): Promise<Engine> {
  const { db, observe, config, connectionString } = parts
  const { stepWebhook, stepWebhookKey } = config
  const queue = new Queue(connectionString, observe, {
    off: stepWebhook === null ? ['step_webhook'] : [],
    retryS: config.callbackRetryS,
  })
  const leaseDb = openDatabase({ connectionString, connectionsMax: 1 })
  const lease = new ProcessLease(leaseDb, observe, `perdure ${process.pid} on ${config.host}:${config.port}`)
  await Promise.all([queue.open(), lease.start()])

  const hub = new RunHub()
  const builtIns = createBuiltInTools({
    searchMessages: (search, context) => searchMessages(db, context.organizationId, context.agentId, search),
    post: createAgentPost(
      () => deps,
      () => worker,
    ),
  })
  const byName = new Map(builtIns.map((builtIn) => [builtIn.spec.name, builtIn.tool]))
  const deps: EngineDeps = {
    db,
    catalog: parts.catalog,
    toolOf: (record) => (record.toolType === 'custom' ? undefined : byName.get(record.name)),
    hub,
    buffer: new FrameBuffer(db, observe),
    queue,
    lease,
    settings: {
      slotsMax: config.slotsMax,
      waitingMax: config.waitingMax,
      waitMs: config.waitMs,
      attemptsMax: 3,
      trackLastRun: config.trackLastRun,
    },
    observe,
    hasCredits: createCredits(config, observe),
    fault: faultOf(config.fault),
  }
  const worker = new Worker(deps)
  worker.start()
  const stopPolling = startFollowPoll(deps)
  const callbacks: CallbackDeps = {
    db,
    observe,
    guard: { allow: config.outboundAllow },
    secret: config.callbackSecret,
    toResult: parts.toResult,
  }
  await queue.work({
    drive: (job) => worker.tryDrive(job),
    errands: {
      callback: ({ organizationId, runId }) => deliverCallback(callbacks, organizationId, runId),
      async step_webhook({ stepId }) {
        if (stepWebhook !== null) await deliverStepWebhook({ url: stepWebhook, key: stepWebhookKey }, stepId)
      },
      schedule: (job) => fireSchedule(deps, worker, callbacks.guard, job),
    },
    sweep: async () => {
      await worker.sweep()
      await deleteDeadProcesses(db)
    },
  })

  return {
    deps,
    worker,
    builtIns,
    async stop(graceMs) {
      stopPolling()
      await queue.stop(Math.min(graceMs, 2_000)).catch(() => undefined)
      await worker.stop(graceMs)
      await deps.buffer.stop()
      await lease.stop()
      await leaseDb.destroy()
    },
  }
}
