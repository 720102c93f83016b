import { createAgent, send } from './ask.ts'
import { cpuSeconds, rssMb, rssPeakMb } from './process-facts.ts'
import type { Figure } from './table.ts'
import type { World } from './world.ts'

const AGENTS = 16

/** Runs per second when sixteen agents are talked to at once, each by one caller who waits for every answer. */
export async function measureThroughput(world: World, runs: number): Promise<Figure[]> {
  const { pid } = world.server
  const agents = await Promise.all(Array.from({ length: AGENTS }, () => createAgent(world)))
  await Promise.all(agents.map((agent) => send(world, agent, 'hello')))
  let left = runs
  const cpuBefore = cpuSeconds(pid)
  const start = performance.now()
  await Promise.all(
    agents.map(async (agent) => {
      while (left-- > 0) await send(world, agent, 'hello')
    }),
  )
  const seconds = (performance.now() - start) / 1_000
  return [
    { what: `runs per second, ${AGENTS} agents`, value: runs / seconds, unit: '/s' },
    {
      what: 'processor time of the server per run',
      value: ((cpuSeconds(pid) - cpuBefore) / runs) * 1e3,
      unit: 'ms',
    },
    { what: 'RSS of the server process, loaded', value: rssMb(pid), unit: 'MB' },
    { what: 'RSS of the server process, peak', value: rssPeakMb(pid), unit: 'MB' },
  ]
}
