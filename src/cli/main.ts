#!/usr/bin/env node
// What a command needs is loaded by the command: `perdure --version` is quick, and an old Node gets as far as being
// told that it is old.
import { StartError } from '../domain/start-error.ts'
import { VERSION } from '../version.ts'

const NODE_MIN = [22, 18] as const

const USAGE = `perdure ${VERSION}: a self-hosted server for agents that remember

  perdure serve      start the server (the default)
  perdure doctor     look for broken histories, stuck runs, leaked turns; exits with 1 if there are any
            --repair   mend them; each repair says how to take it back
            --undo N   take repair N back
  perdure config     show the effective configuration, secrets masked
  perdure --version
  perdure --help

Settings are environment variables; \`perdure config\` lists them.`

type Command = { run(args: string[]): Promise<void> | void; takesArguments?: true }

const COMMANDS: Record<string, Command> = {
  serve: { run: serve },
  doctor: { run: doctor, takesArguments: true },
  config: { run: config },
  '--version': { run: () => console.log(VERSION) },
  '--help': { run: () => console.log(USAGE) },
  help: { run: () => console.log(USAGE) },
}

const [name = 'serve', ...args] = process.argv.slice(2)
const command = COMMANDS[name]
if (!command) misused(`there is no command ${name}`)
if (args.length > 0 && !command.takesArguments) misused(`${name} takes no arguments`)
try {
  checkNode()
  await command.run(args)
} catch (error) {
  console.error(error instanceof StartError ? error.message : error)
  process.exit(1)
}

function misused(why: string): never {
  console.error(`perdure: ${why}\n\n${USAGE}`)
  process.exit(2)
}

function checkNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return
  throw new StartError(`Perdure needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`)
}

async function config(): Promise<void> {
  const [{ readConfig, showConfig }, { showProviders }, { settingLines }] = await Promise.all([
    import('../config.ts'),
    import('../providers/settings.ts'),
    import('./setting-lines.ts'),
  ])
  const settings = [...showConfig(readConfig(process.env)), ...showProviders(process.env)]
  console.log(settingLines(settings).join('\n'))
}

async function serve(): Promise<void> {
  const [{ readConfig }, { checkAddresses }] = await Promise.all([
    import('../config.ts'),
    import('../providers/settings.ts'),
  ])
  const settings = readConfig(process.env)
  checkAddresses(process.env)
  const { openPlace } = await import('../place.ts')
  // The database starts while the rest of the program is loaded.
  const opening = openPlace(settings)
  const [{ greetingOf }, { createLog }, { startServer }] = await Promise.all([
    import('./greeting.ts'),
    import('../log.ts'),
    import('../serve.ts'),
    opening,
  ])
  const { observe, say } = createLog(settings)
  const server = await startServer(settings, process.env, observe, [], opening)
  const models = (await server.catalog.listModels()).map(({ handle }) => handle)
  say(greetingOf({ ...server, version: VERSION, models, password: settings.password !== null }))
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

async function doctor(given: string[]): Promise<void> {
  const [{ readConfig }, { openForDoctor }, { orderOf, runDoctor }] = await Promise.all([
    import('../config.ts'),
    import('../doctor.ts'),
    import('./doctor.ts'),
  ])
  const order = orderOf(given)
  if (!order) misused(`doctor does not know ${given.join(' ')}`)
  const { deps, close } = await openForDoctor(readConfig(process.env))
  try {
    process.exitCode = await runDoctor(deps, order, console.log)
  } finally {
    await close()
  }
}
