import { readConfig } from '../../src/config.ts'
import { createLog } from '../../src/log.ts'
import { startServer } from '../../src/serve.ts'
import { killServer, outsideTools } from './outside-tools.ts'

/** The server as it is shipped, with tools that act outside, and one that ends it. */
const config = readConfig(process.env)
const tools = [...outsideTools(process.env.SOAK_OUTSIDE_URL ?? ''), killServer]
const server = await startServer(config, process.env, createLog(config).observe, tools)
console.log(`listens on ${server.url}`)
process.on('SIGTERM', () => void server.stop().then(() => process.exit(0)))
