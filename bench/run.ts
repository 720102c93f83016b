import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { measureEcho, measureFirstToken } from './latency.ts'
import { type MockProcess, startMockProcess } from './mock-process.ts'
import { rssMb } from './process-facts.ts'
import { measureStart } from './start.ts'
import { type Figure, printFigures } from './table.ts'
import { measureThroughput } from './throughput.ts'
import { openWorld } from './world.ts'

const USAGE = `What the server costs, against calling its model provider (a mock) directly in the same run.

  npm run bench -- [options]

  --quick            few samples: a look, not a measurement
  --samples N        pairs per latency (default 200)
  --no-start         without the time that a start takes
  --help

On the embedded database and, when TEST_DATABASE_URL is set, on that PostgreSQL server.`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    samples: { type: 'string' },
    'no-start': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const samples = Number(values.samples ?? (values.quick ? 30 : 200))

const mock = await startMockProcess()
try {
  printFigures('Embedded database', await measure(mock, null, 15))
  const adminUrl = process.env.TEST_DATABASE_URL
  if (adminUrl) printFigures('PostgreSQL server', await measure(mock, adminUrl, 10))
} finally {
  await mock.stop()
}

async function measure(mock: MockProcess, adminUrl: string | null, addedMsMax: number): Promise<Figure[]> {
  const world = await openWorld(mock, adminUrl)
  try {
    await sleep(2_000)
    const idle: Figure = {
      what: 'RSS of the server process, idle',
      value: rssMb(world.server.pid),
      unit: 'MB',
      aim: 130,
    }
    const echo = await measureEcho(world, samples, addedMsMax)
    const firstToken = await measureFirstToken(world, samples, 8)
    const throughput = await measureThroughput(world, samples * 5)
    const start = values['no-start'] ? [] : await measureStart(adminUrl, values.quick ? 1 : 5)
    return [...echo, ...firstToken, ...throughput, idle, ...start]
  } finally {
    await world.close()
  }
}
