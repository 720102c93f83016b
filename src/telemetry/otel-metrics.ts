import type { Attributes, Meter } from '@opentelemetry/api'
import type { Observation, Observe } from '../worker/observation.ts'
import { measure } from './measure.ts'
import { GAUGES, type Gauge, METERS, type Meter as MeterFacts, type Reading } from './meters.ts'

/** The server's measurements for OpenTelemetry: under the old server's names where it had them, and by the GenAI conventions. */
export function createOtelMetrics(meter: Meter, readGauges: () => Promise<Reading[]>): Observe {
  const meters = new Map(
    Object.entries(METERS).map(([name, facts]) => [name, recorderOf(meter, name, facts)]),
  )
  const duration = meter.createHistogram('gen_ai.client.operation.duration', { unit: 's' })
  const tokens = meter.createHistogram('gen_ai.client.token.usage', { unit: '{token}' })
  observeGauges(meter, readGauges)

  return (observation) => {
    for (const { meter: name, value, labels } of measure(observation)) meters.get(name)?.(value, labels)
    if (observation.type !== 'step_ended') return
    const attributes = modelAttributes(observation)
    if (observation.llmMs !== null) duration.record(observation.llmMs / 1_000, attributes)
    tokens.record(observation.usage.prompt, { ...attributes, 'gen_ai.token.type': 'input' })
    tokens.record(observation.usage.completion, { ...attributes, 'gen_ai.token.type': 'output' })
  }
}

function modelAttributes({ provider, model }: Extract<Observation, { type: 'step_ended' }>): Attributes {
  return { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': provider, 'gen_ai.request.model': model }
}

function recorderOf(meter: Meter, name: string, facts: MeterFacts) {
  const { about: description, kind, unit, oldName } = facts
  if (kind === 'counter') {
    const counter = meter.createCounter(oldName ?? `perdure.${name}`, { description })
    return (value: number, labels: Attributes) => counter.add(value, labels)
  }
  // The old names end with their unit.
  const [full, scale, shown] =
    oldName !== undefined ? [oldName, 1_000, 'ms'] : [`perdure.${name}`, 1, unit ?? '1']
  const histogram = meter.createHistogram(full, { description, unit: shown })
  return (value: number, labels: Attributes) => histogram.record(value * scale, labels)
}

function observeGauges(meter: Meter, readGauges: () => Promise<Reading[]>): void {
  const gauges = new Map(
    Object.entries(GAUGES).map(([name, { about: description, oldName }]: [string, Gauge]) => [
      name,
      meter.createObservableGauge(oldName ?? `perdure.${name}`, { description }),
    ]),
  )
  meter.addBatchObservableCallback(
    async (result) => {
      for (const { gauge, value, labels } of await readGauges()) {
        const instrument = gauges.get(gauge)
        if (instrument) result.observe(instrument, value, labels)
      }
    },
    [...gauges.values()],
  )
}
