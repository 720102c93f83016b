import { STOP_REASONS } from '../domain/stop-reason.ts'
import type { Observation } from '../worker/observation.ts'
import type { Measurement, MeterName } from './meters.ts'

/** What an observation counts for. */
export function measure(observation: Observation): Measurement[] {
  switch (observation.type) {
    case 'run_admitted':
      return [
        one('runs_admitted', { transport: observation.transport }),
        of('admission_duration', observation.ms / 1000),
      ]
    case 'request_repeated':
      return [one('idempotent_replays')]
    case 'run_ended': {
      const status = STOP_REASONS[observation.stopReason]
      return [
        one('runs_ended', { status, stop_reason: observation.stopReason }),
        of('run_duration', observation.durationMs / 1000, { status }),
      ]
    }
    case 'run_taken_over':
      return [one('runs_reclaimed')]
    case 'run_lost':
      return [one('runs_lost')]
    case 'run_crashed':
      return [one('runs_crashed')]
    case 'model_answered_first':
      return [of('time_to_first_token', observation.ms / 1000)]
    case 'step_ended':
      return measureStep(observation)
    case 'model_failed': {
      const { model, failure, retried } = observation
      return [one('model_failures', { model, failure, retried: String(retried) })]
    }
    case 'tool_ended': {
      const { tool, failed, ms } = observation
      return [one('tool_calls', { tool, failed: String(failed) }), of('tool_duration', ms / 1000, { tool })]
    }
    case 'compacted':
      return [one('compactions', { trigger: observation.trigger })]
    case 'callback_tried':
      return [one('callbacks', { outcome: observation.error === null ? 'delivered' : 'failed' })]
    case 'credit_denied':
      return [one('credits_denied', { enforced: String(observation.enforced) })]
    case 'database_trouble':
    case 'flush_failed':
      return [one('database_troubles')]
    case 'lease_lost':
      return [one('run_lease_expired')]
    case 'job_failed':
      return [one('jobs_failed', { queue: observation.queue })]
    case 'request_ended': {
      const { method, route, status, ms } = observation
      return [
        one('requests', { method, route, status: String(status) }),
        of('request_duration', ms / 1000, { method, route }),
      ]
    }
    case 'run_driven':
    case 'request_crashed':
    case 'notice':
      return []
  }
}

function measureStep(step: Extract<Observation, { type: 'step_ended' }>): Measurement[] {
  const { provider, model, status, usage } = step
  return [
    one('steps', { status }),
    of('step_duration', step.ms / 1000),
    ...(step.llmMs === null ? [] : [of('model_call_duration', step.llmMs / 1000, { provider, model })]),
    of('tokens', usage.prompt, { provider, model, type: 'input' }),
    of('tokens', usage.completion, { provider, model, type: 'output' }),
    of('tokens', usage.cachedInput ?? 0, { provider, model, type: 'cached_input' }),
  ]
}

function one(meter: MeterName, labels: Record<string, string> = {}): Measurement {
  return of(meter, 1, labels)
}

function of(meter: MeterName, value: number, labels: Record<string, string> = {}): Measurement {
  return { meter, value, labels }
}
