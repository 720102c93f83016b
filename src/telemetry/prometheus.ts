import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Observe } from '../worker/observation.ts'
import { measure } from './measure.ts'
import { GAUGES, type Gauge as GaugeFacts, METERS, type Meter, type Reading } from './meters.ts'

/** Upper bounds in seconds: a cached answer of a provider, and a model that thinks for minutes. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600]

export type Prometheus = {
  observe: Observe
  /** The text that Prometheus scrapes. */
  read(): Promise<{ contentType: string; text: string }>
}

/** The server's measurements as Prometheus reads them, with those of the process and its event loop. */
export function createPrometheus(readGauges: () => Promise<Reading[]>): Prometheus {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const meters = new Map(
    Object.entries(METERS).map(([name, meter]) => [name, toMetric(registry, name, meter)]),
  )
  const gauges = new Map(
    Object.entries(GAUGES).map(([name, gauge]) => [name, toGauge(registry, name, gauge)]),
  )
  return {
    observe(observation) {
      for (const { meter, value, labels } of measure(observation)) {
        const metric = meters.get(meter)
        if (metric instanceof Counter) metric.inc(labels, value)
        else metric?.observe(labels, value)
      }
    },
    async read() {
      const readings = await readGauges()
      for (const gauge of gauges.values()) gauge.reset()
      for (const { gauge, value, labels } of readings) gauges.get(gauge)?.set(labels, value)
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
  }
}

function toMetric(registry: Registry, name: string, { kind, unit, about: help, labels }: Meter) {
  const labelNames = [...labels]
  if (kind === 'counter') {
    return new Counter({ name: `perdure_${name}_total`, help, labelNames, registers: [registry] })
  }
  const full = `perdure_${name}${unit === 's' ? '_seconds' : ''}`
  return new Histogram({ name: full, help, labelNames, buckets: BUCKETS, registers: [registry] })
}

function toGauge(registry: Registry, name: string, { about: help, labels }: GaugeFacts) {
  return new Gauge({ name: `perdure_${name}`, help, labelNames: [...labels], registers: [registry] })
}
