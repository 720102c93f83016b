import { randomBytes } from 'node:crypto'
import type { Config } from './config.ts'
import type { Operations } from './http/deps.ts'
import { Readiness, watchReadiness } from './readiness.ts'
import { startTelemetry } from './telemetry/open-telemetry.ts'
import { createPrometheus } from './telemetry/prometheus.ts'
import { VERSION } from './version.ts'
import { readVitalSigns, signOf, type Watched } from './vital-signs.ts'
import type { Observe } from './worker/observation.ts'

/** What the server says of itself, for logs, metrics and load balancers: readings of its observations and vital signs. */
export async function createOperations(config: Config, log: Observe) {
  const readiness = new Readiness({
    loopLagMs: config.readyLoopLagMs,
    foregroundRuns: config.readyForegroundMax,
    backgroundRuns: config.readyBackgroundMax,
    admissionWaitMs: config.readyAdmissionMs,
  })
  let watched: Watched | undefined
  let slowestAdmissionMs = 0
  const readSigns = async () => [
    signOf('readiness_state', 1, { reason: readiness.state }),
    signOf('event_loop_lag_milliseconds', watching.loopLagMs),
    ...(watched ? await readVitalSigns(watched) : []),
  ]
  const prometheus = createPrometheus(readSigns)
  const telemetry =
    config.otlpEndpoint === null ? null : await startTelemetry(config.otlpEndpoint, VERSION, readSigns)
  const watching = watchReadiness(readiness, () => {
    const runs = watched?.engine.worker.activeCounts
    const admissionWaitMs = slowestAdmissionMs
    slowestAdmissionMs = 0
    return {
      foregroundRuns: runs?.foreground ?? 0,
      backgroundRuns: runs?.background ?? 0,
      admissionWaitMs,
    }
  })

  const shown: Operations = {
    readyState: () => (config.readinessEnforced ? readiness.state : 'ok'),
    isStopping: () => readiness.state === 'draining',
    newTraceId: () => (telemetry ? randomBytes(16).toString('hex') : null),
    metrics: prometheus.read,
  }
  return {
    shown,
    observe: ((observation) => {
      log(observation)
      prometheus.observe(observation)
      telemetry?.observe(observation)
      if (observation.type === 'run_admitted')
        slowestAdmissionMs = Math.max(slowestAdmissionMs, observation.ms)
    }) satisfies Observe,
    /** The server listens. */
    serve(parts: Watched) {
      watched = parts
      readiness.serve()
    },
    /** It stops: nothing more should be sent. */
    drain: () => readiness.drain(),
    async stop() {
      watching.stop()
      await telemetry?.stop()
    },
  }
}
