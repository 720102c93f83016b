import { readConfig } from '../../src/config.ts'
import type { BuiltInTool } from '../../src/domain/tool.ts'
import { createLog } from '../../src/log.ts'
import { startServer } from '../../src/serve.ts'

/** The server as it is shipped, with two more tools. One acts outside, and would act again if it were called again. */
const noteOutside: BuiltInTool = {
  spec: {
    name: 'note_outside',
    description: 'Writes a note down outside.',
    parameters: { type: 'object', properties: { note: { type: 'string' } }, required: ['note'] },
  },
  toolType: 'letta_builtin',
  enableParallelExecution: true,
  tool: {
    effect: 'acts',
    idempotent: false,
    async run({ note }, { signal }) {
      const response = await fetch(process.env.SOAK_OUTSIDE_URL ?? '', {
        method: 'POST',
        body: String(note),
        signal,
      })
      return { ok: true, output: await response.text() }
    },
  },
}

/** One that may be called again, and ends the server each time. */
const killServer: BuiltInTool = {
  spec: {
    name: 'kill_server',
    description: 'Kills the server.',
    parameters: { type: 'object', properties: {} },
  },
  toolType: 'letta_builtin',
  enableParallelExecution: true,
  tool: {
    effect: 'acts',
    idempotent: true,
    async run() {
      process.kill(process.pid, 'SIGKILL')
      return { ok: true, output: 'never' }
    },
  },
}

const config = readConfig(process.env)
const server = await startServer(config, process.env, createLog(config).observe, [noteOutside, killServer])
console.log(`listens on ${server.url}`)
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
