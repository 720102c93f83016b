import { setTimeout as sleep } from 'node:timers/promises'
import { type ServerProcess, startServerProcess } from '../server-process.ts'
import { REPLICA } from './built-replica.ts'

/** How often the only one that is up is killed, of all times that it could be. */
const LAST_SHARE = 0.05

/** Servers that are killed and started again. */
export class Fleet {
  readonly #settings: Record<string, string>
  #servers: (ServerProcess | null)[]
  kills = 0
  failedStarts = 0
  #starting: Promise<void>[] = []
  #stopping = false

  constructor(settings: Record<string, string>, count: number) {
    this.#settings = settings
    this.#servers = Array.from({ length: count }, () => null)
  }

  async start(): Promise<void> {
    await Promise.all(this.#servers.map((_, at) => this.#start(at)))
  }

  /** The address of one that is up, any of them; waits for one. */
  async url(): Promise<string> {
    while (true) {
      const up = this.#servers.filter((server) => server !== null)
      const one = up[Math.floor(Math.random() * up.length)]
      if (one) return one.url
      await sleep(50)
    }
  }

  /** As `kill -9` does, any of those that are up; the last one seldom, or nothing would ever get done. False: none. */
  async killOne(): Promise<boolean> {
    const up = this.#servers.flatMap((server, at) => (server ? [{ server, at }] : []))
    if (up.length === 1 && Math.random() > LAST_SHARE) return false
    const victim = up[Math.floor(Math.random() * up.length)]
    if (!victim) return false
    this.#servers[victim.at] = null
    this.kills += 1
    await victim.server.kill()
    this.#starting[victim.at] = this.#start(victim.at)
    return true
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#starting)
    await Promise.all(this.#servers.map((server) => server?.stop()))
  }

  async #start(at: number): Promise<void> {
    while (!this.#stopping) {
      try {
        const server = await startServerProcess(this.#settings, [process.execPath, REPLICA])
        this.#servers[at] = server
        void server.ended.then(() => {
          if (this.#servers[at] === server) {
            this.#servers[at] = null
            this.#starting[at] = this.#start(at)
          }
        })
        return
      } catch (error) {
        this.failedStarts += 1
        console.error(
          `a server did not start: ${error instanceof Error ? error.message.slice(0, 500) : error}`,
        )
      }
    }
  }
}
