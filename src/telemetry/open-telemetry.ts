import type { Observe } from '../worker/observation.ts'
import type { Reading } from './meters.ts'

export type Telemetry = { observe: Observe; stop(): Promise<void> }

/** How often metrics are sent, in milliseconds. */
const METRICS_EVERY_MS = 30_000

/**
 * Sends spans and metrics to an OTLP collector over HTTP. What speaks its protocol is only loaded here: a server that
 * has none pays nothing for it. Headers and sampling are the exporters' own variables (`OTEL_EXPORTER_OTLP_HEADERS` …).
 */
export async function startTelemetry(
  endpoint: string,
  version: string,
  readGauges: () => Promise<Reading[]>,
): Promise<Telemetry> {
  const [
    { createSpans },
    { TraceIds },
    { createOtelMetrics },
    traces,
    metrics,
    resources,
    traceOtlp,
    metricOtlp,
  ] = await Promise.all([
    import('./spans.ts'),
    import('./trace-ids.ts'),
    import('./otel-metrics.ts'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/sdk-metrics'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/exporter-metrics-otlp-http'),
  ])
  const base = endpoint.replace(/\/$/, '')
  const service = { 'service.name': process.env.OTEL_SERVICE_NAME ?? 'perdure', 'service.version': version }
  const resource = resources.defaultResource().merge(resources.resourceFromAttributes(service))
  const ids = new TraceIds()
  const tracers = new traces.TracerProvider({
    resource,
    idGenerator: ids,
    spanProcessors: [
      new traces.BatchSpanProcessor({
        exporter: new traceOtlp.OTLPTraceExporter({ url: `${base}/v1/traces` }),
      }),
    ],
  })
  const meters = new metrics.MeterProvider({
    resource,
    readers: [
      new metrics.PeriodicExportingMetricReader({
        exporter: new metricOtlp.OTLPMetricExporter({ url: `${base}/v1/metrics` }),
        exportIntervalMillis: METRICS_EVERY_MS,
      }),
    ],
  })
  const observers = [
    createSpans(tracers.getTracer('perdure', version), ids),
    createOtelMetrics(meters.getMeter('perdure', version), readGauges),
  ]
  return {
    observe: (observation) => {
      for (const observe of observers) observe(observation)
    },
    async stop() {
      // A collector that is away must not keep the server from stopping well.
      await Promise.allSettled([tracers.shutdown(), meters.shutdown()])
    },
  }
}
