import { createHash } from 'node:crypto'
import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { compactionDefaults } from './compaction-defaults.ts'
import type { Config } from './config.ts'
import type { ModelCatalog } from './domain/model.ts'
import { StartError } from './domain/start-error.ts'
import type { BuiltInTool } from './domain/tool.ts'
import { type Engine, startEngine } from './engine.ts'
import { createApp } from './http/app.ts'
import type { EngineAccess, HttpDeps, HttpSettings } from './http/deps.ts'
import { engineEndpoints } from './http/engine-endpoints.ts'
import { toWireAnswer } from './http/wire/answer.ts'
import { maskedUrl } from './lib/masked-url.ts'
import { compilePrompt } from './loop/prompt/compile-prompt.ts'
import { createOperations } from './operations.ts'
import { openPlace, type Place } from './place.ts'
import { createCatalog } from './providers/catalog.ts'
import { reasonsByDefault } from './providers/model-facts.ts'
import { providersFromEnv } from './providers/settings.ts'
import { serverKey } from './server-key.ts'
import { API_VERSION } from './version.ts'
import type { Observe } from './worker/observation.ts'

export type RunningServer = {
  url: string
  database: string
  /** First parts of the handles of the providers that the environment names. */
  providers: string[]
  catalog: ModelCatalog
  engine: Engine
  stop(): Promise<void>
}

type Env = Record<string, string | undefined>

/**
 * The whole server: database, engine, API. It makes the parts and hands them to each other. `further`: tools besides the
 * built-in ones, for whoever starts a server from a program. `opening`: the database, when it is being opened already.
 */
export async function startServer(
  config: Config,
  env: Env,
  log: Observe,
  further: BuiltInTool[] = [],
  opening: Promise<Place> = openPlace(config),
): Promise<RunningServer> {
  const [{ embedded, address, pool, db }, operations] = await Promise.all([
    opening,
    createOperations(config, log),
  ])
  const { observe } = operations
  const providers = providersFromEnv(env)
  const catalog = createCatalog(providers)
  const engine = await startEngine({
    address,
    db,
    catalog,
    config,
    observe,
    further,
    toResult: toWireAnswer,
  })
  const deps: HttpDeps = {
    db,
    catalog,
    observe,
    settings: httpSettings(config),
    engine: engineAccess(config, engine),
    operations: operations.shown,
    builtInTools: engine.builtIns,
    compilePrompt,
    compactionDefaults,
    reasonsByDefault,
  }
  const app = createApp(deps, engineEndpoints(deps))
  const server = createServer(app.fetch, config)
  const url = await listen(server, config)
  operations.serve({ engine, pool, db, slotsMax: config.slotsMax })

  return {
    url,
    database: embedded ? `embedded PostgreSQL in ${config.dataDir}` : maskedUrl(address.url),
    providers: providers.map(({ handleName }) => handleName),
    catalog,
    engine,
    async stop() {
      // Whoever reads goes on reading, and load balancers are told, until the runs have ended or gone to others.
      operations.drain()
      await engine.stop(config.drainMs)
      server.close()
      server.closeAllConnections()
      await operations.stop()
      await db.destroy()
      await embedded?.stop()
    },
  }
}

function engineAccess(config: Config, { deps, worker }: Engine): EngineAccess {
  return {
    deps,
    worker,
    guard: { allow: config.outboundAllow },
    pingMs: config.pingMs,
    legacyRunCursors: config.legacyRunCursors,
    refusesWithoutCredit: config.creditsMode === 'enforce-strict',
  }
}

function httpSettings(config: Config): HttpSettings {
  return {
    password: config.password,
    bodyBytesMax: config.bodyBytesMax,
    corsOrigins: config.corsOrigins,
    version: API_VERSION,
    sealKey: createHash('sha256').update(serverKey(config)).digest(),
    defaultModel: config.defaultModel,
    defaultEmbedding: config.defaultEmbedding,
  }
}

/** How long the head of a request may take to arrive, in milliseconds. */
const HEADERS_MS_MAX = 30_000
/** How often it is looked for requests that take too long, in milliseconds. */
const CHECK_MS_MAX = 10_000
/** A connection on which nothing has moved for so long is dropped, in milliseconds. */
const SILENT_MS_MAX = 1_800_000
/** How long an idle connection is kept for its next request: longer than load balancers do, in milliseconds. */
const KEPT_ALIVE_MS = 65_000

/** Streams live for as long as a run does; what is idle or half open does not. */
function createServer(fetch: (request: Request) => Response | Promise<Response>, config: Config): Server {
  const server = createAdaptorServer({
    fetch,
    // Old clients name none, HTTP/1.0 health checks for one.
    hostname: config.host,
    serverOptions: { connectionsCheckingInterval: Math.min(config.requestMs, CHECK_MS_MAX) },
  }) as Server
  server.requestTimeout = config.requestMs
  server.headersTimeout = Math.min(config.requestMs, HEADERS_MS_MAX)
  server.keepAliveTimeout = KEPT_ALIVE_MS
  server.timeout = SILENT_MS_MAX
  return server
}

async function listen(server: Server, config: Config): Promise<string> {
  await new Promise<void>((done, fail) => {
    server.once('error', (error) =>
      fail(new StartError(`${error.message}\nPERDURE_HOST and PERDURE_PORT say where the server listens.`)),
    )
    server.listen(config.port, config.host, done)
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : config.port
  const host = config.host.includes(':') ? `[${config.host}]` : config.host
  return `http://${host}:${port}`
}
