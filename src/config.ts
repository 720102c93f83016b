import { resolve } from 'node:path'
import { z } from 'zod'
import { wrongConfiguration } from './domain/start-error.ts'
import { toHostEntry } from './lib/host-entry.ts'
import { isHttpUrl } from './lib/http-url.ts'
import { maskedUrl } from './lib/masked-url.ts'

type Env = Record<string, string | undefined>

const integer = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`
  return z.coerce.number({ error }).int(error).min(min, error).max(max, error)
}
const oneOf = <const Names extends string[]>(...names: Names) =>
  z.enum(names, { error: `must be one of ${names.join(', ')}` })
const boolean = z
  .enum(['true', 'false', '1', '0'], { error: 'must be true or false' })
  .transform((text) => text === 'true' || text === '1')
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)

const hosts = list.transform((texts, { addIssue }) =>
  texts.map((text) => {
    const entry = toHostEntry(text)
    const right = 'must be hosts, addresses or networks such as 10.0.0.0/8'
    if (entry === undefined) addIssue({ code: 'custom', message: `${right}; ${text} is none of them` })
    return entry ?? text
  }),
)
const httpUrl = z.string().refine(isHttpUrl, 'must be an address that begins with http:// or https://')

/** What SQLAlchemy wrote behind the scheme means nothing here. */
const postgresUrl = z
  .string()
  .regex(/^postgres(ql)?(\+\w+)?:\/\//, 'must start with postgres://')
  .transform((url) => url.replace(/^postgres(ql)?\+\w+:/, 'postgres:'))
  .nullable()
  .default(null)

type Setting = {
  /** The variables that are read, the first that is set counts. */
  env: string[]
  /** What it does, with its unit. */
  about: string
  secret?: true
}

/** Every setting: its name in the code, its variables, its type and default (in the schema below). */
const SETTINGS = {
  host: { env: ['PERDURE_HOST'], about: 'Address that the server listens on' },
  port: { env: ['PERDURE_PORT', 'PORT'], about: 'Port that the server listens on' },
  dataDir: { env: ['PERDURE_DATA_DIR'], about: 'Folder of the embedded database and of the server key' },
  databaseUrl: {
    env: ['PERDURE_DATABASE_URL', 'DATABASE_URL', 'LETTA_PG_URI'],
    about: 'PostgreSQL server (14 or newer); empty: the embedded one',
    secret: true,
  },
  databaseDirectUrl: {
    env: ['PERDURE_DATABASE_DIRECT_URL'],
    about:
      'The same database without the pooler (PgBouncer) that the other address leads to; empty: there is none',
    secret: true,
  },
  databaseConnectionsMax: {
    env: ['PERDURE_DATABASE_CONNECTIONS'],
    about: 'Connections to the database, at most',
  },
  redisUrl: {
    env: ['PERDURE_REDIS_URL', 'REDIS_URL', 'LETTA_REDIS_URL'],
    about: 'Redis or Valkey that carries tokens between servers of one database; empty: the database does',
    secret: true,
  },
  password: {
    env: ['PERDURE_PASSWORD', 'LETTA_SERVER_PASSWORD'],
    about: 'Password that every request must carry; empty: none',
    secret: true,
  },
  outboundAllow: {
    env: ['PERDURE_OUTBOUND_ALLOW'],
    about: 'Hosts and networks inside that the server may reach for images and callbacks, by commas',
  },
  slotsMax: { env: ['PERDURE_RUNS_MAX'], about: 'Runs that this process drives at once' },
  orphansMax: {
    env: ['PERDURE_ORPHANS_MAX'],
    about: 'Tools that may go on after their run was cancelled; with as many, no new run is begun here',
  },
  waitingMax: { env: ['PERDURE_WAITING_MAX'], about: 'Messages that may wait for one conversation' },
  waitMs: { env: ['PERDURE_WAIT_MS'], about: 'How long a message waits for its turn, milliseconds' },
  bodyBytesMax: { env: ['PERDURE_BODY_BYTES_MAX'], about: 'Size of a request body, bytes' },
  leaseMs: {
    env: ['PERDURE_LEASE_MS'],
    about: 'How long a server that gives no sign of life keeps its runs, milliseconds',
  },
  requestMs: { env: ['PERDURE_REQUEST_MS'], about: 'How long a request may take to arrive, milliseconds' },
  pingMs: { env: ['PERDURE_PING_MS'], about: 'Silence after which a stream sends a ping, milliseconds' },
  streamDays: { env: ['PERDURE_STREAM_DAYS'], about: "How long a run's stream can be read again, days" },
  traceDays: {
    env: ['PERDURE_TRACE_DAYS'],
    about: 'How long what providers were sent and answered is kept, days',
  },
  drainMs: {
    env: ['PERDURE_DRAIN_MS'],
    about: 'How long a stopping server lets its steps end, milliseconds',
  },
  legacyRunCursors: {
    env: ['PERDURE_LEGACY_RUN_CURSORS'],
    about: 'Run lists page in the old, inverted direction',
  },
  trackLastRun: {
    env: ['PERDURE_TRACK_LAST_RUN', 'LETTA_TRACK_LAST_AGENT_RUN'],
    about: 'Agents tell when their last run ended, and how long it took',
  },
  defaultModel: {
    env: ['PERDURE_DEFAULT_LLM_HANDLE', 'LETTA_DEFAULT_LLM_HANDLE'],
    about: 'Model of agents that name none',
  },
  defaultEmbedding: {
    env: ['PERDURE_DEFAULT_EMBEDDING_HANDLE', 'LETTA_DEFAULT_EMBEDDING_HANDLE'],
    about: 'Embedding of agents that name none',
  },
  encryptionKey: {
    env: ['PERDURE_ENCRYPTION_KEY', 'LETTA_ENCRYPTION_KEY'],
    about: 'Key for secrets at rest; empty: one is made in the data folder',
    secret: true,
  },
  callbackSecret: {
    env: ['PERDURE_CALLBACK_SECRET'],
    about: 'Signs callbacks; empty: they are not signed',
    secret: true,
  },
  callbackRetryS: {
    env: ['PERDURE_CALLBACK_RETRY_S'],
    about:
      'Seconds before a failed callback or webhook is tried again; each further wait is twice as long, up to an hour',
  },
  stepWebhook: {
    env: ['PERDURE_STEP_WEBHOOK', 'STEP_COMPLETE_WEBHOOK'],
    about: 'Address that is told of every step that has ended; empty: none',
  },
  stepWebhookKey: {
    env: ['PERDURE_STEP_WEBHOOK_KEY', 'STEP_COMPLETE_KEY'],
    about: 'Its bearer key',
    secret: true,
  },
  corsOrigins: {
    env: ['PERDURE_CORS_ORIGINS', 'ACCEPTABLE_ORIGINS'],
    about: 'Further origins that browsers may call from',
  },
  logLevel: { env: ['PERDURE_LOG_LEVEL'], about: 'debug, info, warn, error or silent' },
  otlpEndpoint: {
    env: ['PERDURE_OTLP_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT', 'LETTA_OTEL_EXPORTER_OTLP_ENDPOINT'],
    about: 'OpenTelemetry collector (OTLP over HTTP) that spans and metrics are sent to; empty: none',
  },
  readinessEnforced: {
    env: ['PERDURE_READINESS_ENFORCED', 'LETTA_READINESS_ENFORCEMENT_ENABLED'],
    about: 'Answer 503 at /v1/ready while the server starts, stops or is over one of the next limits',
  },
  readyLoopLagMs: { env: ['PERDURE_READY_LOOP_LAG_MS'], about: 'Delay of the event loop, milliseconds' },
  readyForegroundMax: { env: ['PERDURE_READY_FOREGROUND_MAX'], about: 'Runs whose callers wait' },
  readyBackgroundMax: { env: ['PERDURE_READY_BACKGROUND_MAX'], about: 'Runs in the background' },
  readyAdmissionMs: {
    env: ['PERDURE_READY_ADMISSION_MS'],
    about: 'Time that taking a request in may take, milliseconds',
  },
  fault: { env: ['PERDURE_FAULT'], about: 'For crash tests: point:nth, where the process kills itself' },
  creditsMode: { env: ['PERDURE_CREDITS_MODE'], about: 'off, observe, enforce or enforce-strict' },
  creditsEndpoint: {
    env: ['PERDURE_CREDITS_ENDPOINT', 'STEP_ORCHESTRATOR_ENDPOINT'],
    about: 'Service that says whether an organisation has credit',
  },
  creditsFailClosed: {
    env: ['PERDURE_CREDITS_FAIL_CLOSED'],
    about: 'A service that cannot be asked counts as a no',
  },
  creditsCacheMs: {
    env: ['PERDURE_CREDITS_CACHE_MS'],
    about: 'How long an answer of the service is good for, milliseconds',
  },
  creditsKey: { env: ['PERDURE_CREDITS_KEY', 'STEP_COMPLETE_KEY'], about: 'Its bearer key', secret: true },
} as const satisfies Record<string, Setting>

type Name = keyof typeof SETTINGS
const NAMES = Object.keys(SETTINGS) as Name[]

const Schema = z.object({
  host: z.string().default('127.0.0.1'),
  port: integer(0, 65_535).default(8283),
  dataDir: z.string().default('.perdure'),
  databaseUrl: postgresUrl,
  databaseDirectUrl: postgresUrl,
  databaseConnectionsMax: integer(1, 1_000).default(16),
  redisUrl: z
    .string()
    .regex(/^rediss?:\/\//, 'must start with redis://')
    .nullable()
    .default(null),
  password: z.string().nullable().default(null),
  outboundAllow: hosts.default([]),
  slotsMax: integer(1, 10_000).default(64),
  orphansMax: integer(1, 10_000).default(32),
  waitingMax: integer(0, 10_000).default(16),
  waitMs: integer(0, 86_400_000).default(120_000),
  bodyBytesMax: integer(1_024, 1_073_741_824).default(64 * 1024 * 1024),
  leaseMs: integer(1_000, 600_000).default(30_000),
  requestMs: integer(100, 3_600_000).default(120_000),
  pingMs: integer(100, 3_600_000).default(20_000),
  streamDays: integer(1, 3_650).default(7),
  traceDays: integer(1, 3_650).default(30),
  drainMs: integer(0, 3_600_000).default(20_000),
  legacyRunCursors: boolean.default(false),
  trackLastRun: boolean.default(false),
  defaultModel: z.string().nullable().default(null),
  defaultEmbedding: z.string().nullable().default(null),
  encryptionKey: z.string().min(16, 'must have at least 16 characters').nullable().default(null),
  callbackSecret: z.string().nullable().default(null),
  callbackRetryS: integer(1, 3_600).default(5),
  stepWebhook: httpUrl.nullable().default(null),
  stepWebhookKey: z.string().nullable().default(null),
  corsOrigins: list.default([]),
  logLevel: oneOf('debug', 'info', 'warn', 'error', 'silent').default('info'),
  otlpEndpoint: httpUrl.nullable().default(null),
  readinessEnforced: boolean.default(false),
  readyLoopLagMs: integer(1, 600_000).nullable().default(null),
  readyForegroundMax: integer(0, 100_000).nullable().default(null),
  readyBackgroundMax: integer(0, 100_000).nullable().default(null),
  readyAdmissionMs: integer(1, 600_000).nullable().default(null),
  fault: z
    .string()
    .regex(/^\w+:\d+$/, 'must look like point:nth')
    .nullable()
    .default(null),
  creditsMode: oneOf('off', 'observe', 'enforce', 'enforce-strict').default('off'),
  creditsEndpoint: httpUrl.nullable().default(null),
  creditsFailClosed: boolean.default(false),
  creditsCacheMs: integer(0, 5_000).default(5_000),
  creditsKey: z.string().nullable().default(null),
})

export type Config = z.infer<typeof Schema>

/** The configuration that an environment says. Throws StartError, naming the variables that are wrong. */
export function readConfig(env: Env): Config {
  const given = NAMES.flatMap((name) => {
    const variable = SETTINGS[name].env.find((candidate) => env[candidate])
    return variable ? [{ name, variable, value: env[variable] }] : []
  })
  const parsed = Schema.safeParse(Object.fromEntries(given.map(({ name, value }) => [name, value])))
  if (!parsed.success) {
    const lines = parsed.error.issues.map(({ path, message }) => {
      const wrong = given.find(({ name }) => name === path[0])
      return wrong ? `${wrong.variable} ${message} (${SETTINGS[wrong.name].about})` : message
    })
    throw wrongConfiguration(lines)
  }
  return { ...parsed.data, dataDir: resolve(parsed.data.dataDir) }
}

/** The effective configuration; secrets are masked. */
export function showConfig(config: Config): { variable: string; value: string; about: string }[] {
  return NAMES.map((name) => ({
    variable: SETTINGS[name].env[0],
    value: shown(name, config),
    about: SETTINGS[name].about,
  }))
}

function shown(name: Name, config: Config): string {
  const setting: Setting = SETTINGS[name]
  const value = config[name]
  if (value === null) return ''
  const isDatabase = name === 'databaseUrl' || name === 'databaseDirectUrl'
  return setting.secret && !isDatabase ? '********' : maskedUrl(String(value))
}

/** What the documentation must say of each setting. */
export function describeSettings(): { env: readonly string[]; initial: string; about: string }[] {
  const initial = Schema.parse({})
  return NAMES.map((name) => ({
    env: SETTINGS[name].env,
    initial: shown(name, initial),
    about: SETTINGS[name].about,
  }))
}
