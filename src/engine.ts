import type { Config } from './config.ts'
import { createCredits } from './credits.ts'
import type { ModelCatalog } from './domain/model.ts'
import type { BuiltInTool } from './domain/tool.ts'
import type { DatabaseAddress } from './store/address.ts'
import { openDatabase } from './store/open.ts'
import type { Db } from './store/schema.ts'
import { searchMessages } from './store/search-messages.ts'
import { createBuiltInTools } from './tools/index.ts'
import { createAgentPost } from './worker/agent-post.ts'
import { type CallbackDeps, deliverCallback, deliverJobCallback } from './worker/callback.ts'
import type { EngineDeps } from './worker/deps.ts'
import { openDoor } from './worker/door.ts'
import { driveBatch } from './worker/drive-batch.ts'
import { faultOf } from './worker/fault-points.ts'
import { fireSchedule } from './worker/fire-schedule.ts'
import { startFollowPoll } from './worker/follow-poll.ts'
import { FrameBuffer } from './worker/frame-buffer.ts'
import { Neighbours } from './worker/neighbours.ts'
import type { Observe } from './worker/observation.ts'
import { OrphanTools } from './worker/orphan-tools.ts'
import { ProcessLease } from './worker/process-lease.ts'
import { Queue } from './worker/queue.ts'
import { RunHub } from './worker/run-hub.ts'
import { SentNotes } from './worker/sent-notes.ts'
import { deliverStepWebhook } from './worker/step-webhook.ts'
import { type Retention, tidy } from './worker/tidy.ts'
import { watchTables } from './worker/watch-tables.ts'
import { Worker } from './worker/worker.ts'

export type Engine = {
  deps: EngineDeps
  worker: Worker
  builtIns: BuiltInTool[]
  stop(graceMs: number): Promise<void>
}

export type EngineParts = {
  address: DatabaseAddress
  db: Db
  catalog: ModelCatalog
  config: Config
  observe: Observe
  /** Tools besides the built-in ones. */
  further: BuiltInTool[]
  toResult: CallbackDeps['toResult']
}

/** Makes the parts that drive runs and hands them to each other. */
export async function startEngine(parts: EngineParts): Promise<Engine> {
  const { db, observe, config, address } = parts
  const { stepWebhook, stepWebhookKey } = config
  const queue = new Queue(address.url, observe, config.leaseMs, {
    off: stepWebhook === null ? ['step_webhook'] : [],
    retryS: config.callbackRetryS,
  })
  const leaseDb = openDatabase({
    connectionString: address.directUrl,
    sessions: address.directSessions,
    connectionsMax: 1,
  })
  const name = `perdure ${process.pid} on ${config.host}:${config.port}`
  const lease = new ProcessLease(leaseDb, observe, name, config.leaseMs)
  await Promise.all([queue.open(), lease.start()])

  const hub = new RunHub()
  const own = createBuiltInTools({
    searchMessages: (search, context) => searchMessages(db, context.organizationId, context.agentId, search),
    post: createAgentPost(
      () => deps,
      () => worker,
    ),
  })
  const builtIns = [...own, ...parts.further]
  const byName = new Map(builtIns.map((builtIn) => [builtIn.spec.name, builtIn.tool]))
  const deps: EngineDeps = {
    db,
    catalog: parts.catalog,
    toolOf: (record) => (record.toolType === 'custom' ? undefined : byName.get(record.name)),
    hub,
    buffer: new FrameBuffer(
      db,
      observe,
      () => deps.fault('mid_flush'),
      (runIds) => hub.tellStored(runIds),
    ),
    sent: new SentNotes(db, observe),
    orphans: new OrphanTools(),
    queue,
    // The other half of the connections is for what has been taken in.
    door: openDoor(Math.max(1, Math.floor(config.databaseConnectionsMax / 2))),
    lease,
    settings: {
      slotsMax: config.slotsMax,
      waitingMax: config.waitingMax,
      waitMs: config.waitMs,
      orphansMax: config.orphansMax,
      attemptsMax: 3,
      trackLastRun: config.trackLastRun,
      leaseMs: config.leaseMs,
    },
    observe,
    hasCredits: createCredits(config, observe),
    fault: faultOf(config.fault),
  }
  const worker = new Worker(deps)
  worker.start()
  const neighbours = new Neighbours({
    db,
    hub,
    observe,
    listensAt: address.directSessions === 'own' ? address.directUrl : null,
    self: lease.id,
    onNews: (runIds) => worker.checkRuns(runIds),
  })
  neighbours.start()
  const stopPolling = startFollowPoll(deps, neighbours)
  const stopWatching = watchTables(deps, () => worker.drivenCount)
  const liveWire = { hub, self: lease.id, observe, any: () => neighbours.any }
  const closeLiveWire = config.redisUrl === null ? null : await liveWireOf(config.redisUrl, liveWire)
  const callbacks: CallbackDeps = {
    db,
    observe,
    guard: { allow: config.outboundAllow },
    secret: config.callbackSecret,
    toResult: parts.toResult,
    fault: deps.fault,
  }
  await queue.work({
    drive: (job) => worker.tryDrive(job),
    errands: {
      callback: ({ organizationId, runId }) => deliverCallback(callbacks, organizationId, runId),
      async step_webhook({ stepId }) {
        if (stepWebhook !== null) await deliverStepWebhook({ url: stepWebhook, key: stepWebhookKey }, stepId)
      },
      schedule: (job) => fireSchedule(deps, worker, callbacks.guard, job),
      batch: (job) => driveBatch(deps, worker, callbacks.guard, job),
      job_callback: ({ organizationId, jobId }) => deliverJobCallback(callbacks, organizationId, jobId),
    },
    tidy: () => tidy(db, retentionOf(config)),
  })

  return {
    deps,
    worker,
    builtIns,
    async stop(graceMs) {
      worker.drain()
      await queue.stop(Math.min(graceMs, 2_000)).catch(() => undefined)
      await worker.stop(graceMs)
      stopPolling()
      stopWatching()
      closeLiveWire?.()
      await neighbours.stop()
      await Promise.all([deps.buffer.flush(), deps.sent.flush()])
      await lease.stop()
      await leaseDb.destroy()
    },
  }
}

const DAY_MS = 86_400_000
/** Readers of what was just deleted may still be on their last page. */
const DELETED_MS = 600_000

function retentionOf(config: Config): Retention {
  return {
    streamsMs: config.streamDays * DAY_MS,
    tracesMs: config.traceDays * DAY_MS,
    deletedMs: DELETED_MS,
  }
}

/** Only a server that has a Redis loads what speaks to it. */
async function liveWireOf(...given: Parameters<typeof import('./worker/live-wire.ts').openLiveWire>) {
  const { openLiveWire } = await import('./worker/live-wire.ts')
  return openLiveWire(...given)
}
