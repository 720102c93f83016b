#!/usr/bin/env node
import { ConfigError, readConfig, showConfig } from '../config.ts'
import { openForDoctor } from '../doctor.ts'
import { createLog } from '../log.ts'
import { startServer } from '../serve.ts'
import { DataFolderInUse } from '../store/embedded/ownership.ts'
import { VERSION } from '../version.ts'
import { orderOf, runDoctor } from './doctor.ts'

const USAGE = `perdure ${VERSION}: a self-hosted server for agents that remember

  perdure serve      start the server (the default)
  perdure doctor     look for broken histories, stuck runs, leaked turns; exits with 1 if there are any
            --repair   mend them; each repair says how to take it back
            --undo N   take repair N back
  perdure config     show the effective configuration, secrets masked
  perdure --version

Settings are environment variables; \`perdure config\` lists them.`

const COMMANDS: Record<string, () => Promise<void> | void> = {
  serve,
  doctor,
  config: () => console.log(showConfig(readConfig(process.env)).join('\n')),
  '--version': () => console.log(VERSION),
  '--help': () => console.log(USAGE),
  help: () => console.log(USAGE),
}

const [name = 'serve'] = process.argv.slice(2)
const command = COMMANDS[name]
if (!command) {
  console.error(`perdure: there is no command ${name}\n\n${USAGE}`)
  process.exit(2)
}
try {
  await command()
} catch (error) {
  if (error instanceof ConfigError || error instanceof DataFolderInUse) console.error(error.message)
  else if (isPortTaken(error)) console.error(`${error.message}\nSet PERDURE_PORT to another port.`)
  else console.error(error)
  process.exit(1)
}

async function serve(): Promise<void> {
  const config = readConfig(process.env)
  const { observe, say } = createLog(config)
  const server = await startServer(config, process.env, observe)
  say(await greeting(server))
  let stopping = false
  const stop = () => {
    if (stopping) process.exit(1)
    stopping = true
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error)
        process.exit(1)
      },
    )
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
}

async function doctor(): Promise<void> {
  const order = orderOf(process.argv.slice(3))
  if (!order) {
    console.error(USAGE)
    process.exit(2)
  }
  const { deps, close } = await openForDoctor(readConfig(process.env))
  try {
    process.exitCode = await runDoctor(deps, order, console.log)
  } finally {
    await close()
  }
}

type Started = Awaited<ReturnType<typeof startServer>>

async function greeting({ url, database, catalog }: Started): Promise<string> {
  const handles = (await catalog.listModels()).map((listing) => listing.handle)
  const providers = [...new Set(handles.map((handle) => handle.split('/', 1)[0]))]
  const model = handles[0] ?? 'perdure/offline'
  const notice =
    handles.length > 1
      ? ''
      : ' (no provider key is set: only the built-in offline model, which is not a language model)'
  return [
    `Perdure ${VERSION} listens on ${url}`,
    `  data:      ${database}`,
    `  providers: ${providers.join(', ')}${notice}`,
    `  try:       curl -s ${url}/v1/agents/ -H 'content-type: application/json' -d '{"model": "${model}", "memory_blocks": [{"label": "human", "value": ""}]}'`,
  ].join('\n')
}

function isPortTaken(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}
