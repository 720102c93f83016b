import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { askMock, createAgent, sendStreaming } from './ask.ts'
import { startMockProcess } from './mock-process.ts'
import { cpuSeconds, rssMb } from './process-facts.ts'
import { quantile } from './samples.ts'
import { printFigures } from './table.ts'
import { openWorld, type World } from './world.ts'

const USAGE = `Many token streams at once through one server process: do all of them complete, and how late is a token?

  node bench/fanout.ts [options]

  --streams N        streams at once (default 1,000)
  --tokens N         tokens of each (default 100)
  --ms N             milliseconds between them (default 50)
  --help

On the embedded database, or on the PostgreSQL server that TEST_DATABASE_URL names. The provider is a mock that sends its
tokens by a fixed schedule; the same number of streams is read from it directly first, for comparison.`

const { values } = parseArgs({
  options: {
    streams: { type: 'string', default: '1000' },
    tokens: { type: 'string', default: '100' },
    ms: { type: 'string', default: '50' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const streams = Number(values.streams)
const tokens = Number(values.tokens)
const spacingMs = Number(values.ms)
const text = `[[drip ${tokens} ${spacingMs}]]`

const mock = await startMockProcess()
const world = await openWorld(mock, process.env.TEST_DATABASE_URL ?? null, {
  PERDURE_RUNS_MAX: String(streams + 16),
})
try {
  const agents = await createAgents(world)
  const direct = await all((arrived) => askMock(world, text, arrived))
  const { pid } = world.server
  await sleep(1_000)
  const rssBefore = rssMb(pid)
  const rss = watchRss(pid)
  const cpuBefore = cpuSeconds(pid)
  const start = performance.now()
  let next = 0
  const through = await all((arrived) => sendStreaming(world, agents[next++] ?? '', text, arrived))
  const seconds = (performance.now() - start) / 1_000
  const cpu = cpuSeconds(pid) - cpuBefore
  const rssMost = rss.stop()
  const p99 = (delays: number[]) => quantile(delays, 0.99)
  printFigures(`${streams} streams of ${tokens} tokens, ${spacingMs} ms apart`, [
    { what: 'streams that completed', value: through.completed, unit: '', aim: streams, atLeast: true },
    { what: 'delay of a token past the server, p99', value: p99(direct.delays), unit: 'ms' },
    { what: 'delay of a token through it, p50', value: quantile(through.delays, 0.5), unit: 'ms' },
    { what: 'delay of a token through it, p99', value: p99(through.delays), unit: 'ms' },
    { what: 'added, p99', value: p99(through.delays) - p99(direct.delays), unit: 'ms', aim: 60 },
    { what: 'processor time of the server per token', value: (cpu / (streams * tokens)) * 1e6, unit: 'µs' },
    { what: 'processors that the server used', value: cpu / seconds, unit: '' },
    { what: 'memory of a stream', value: ((rssMost - rssBefore) * 1_024) / streams, unit: 'KB', aim: 60 },
  ])
} finally {
  await world.close()
  await mock.stop()
}

async function createAgents(world: World): Promise<string[]> {
  const agents: string[] = []
  const make = async () => {
    while (agents.length < streams) agents.push(await createAgent(world))
  }
  await Promise.all(Array.from({ length: 8 }, make))
  return agents
}

type Streamed = { completed: number; delays: number[] }

/** Reads all streams at once, begun evenly within one interval of their tokens times twenty. */
async function all(ask: (arrived: () => void) => Promise<void>): Promise<Streamed> {
  const delays: number[] = []
  let completed = 0
  let refused: unknown
  await Promise.all(
    Array.from({ length: streams }, async (_, index) => {
      await sleep((index / streams) * spacingMs * 20)
      const arrivals: number[] = []
      await ask(() => arrivals.push(performance.now())).catch((error: unknown) => {
        refused ??= error
      })
      if (arrivals.length === tokens) completed += 1
      delays.push(...delaysOf(arrivals))
    }),
  )
  if (refused) console.error('the first stream that failed:', refused)
  return { completed, delays }
}

/** How much later each token came than the one of its stream that was least late, by the schedule of the stream. */
function delaysOf(arrivals: number[]): number[] {
  const late = arrivals.map((at, index) => at - index * spacingMs)
  const least = Math.min(...late)
  return late.map((ms) => ms - least)
}

/** The most memory that the process has while it is watched, in MB. */
function watchRss(pid: number): { stop(): number } {
  let most = 0
  const timer = setInterval(() => {
    most = Math.max(most, rssMb(pid))
  }, 100)
  return {
    stop() {
      clearInterval(timer)
      return most
    },
  }
}
