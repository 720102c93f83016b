import { parseArgs } from 'node:util'
import pg from 'pg'
import { startServerProcess } from '../test/server-process.ts'
import { createAgent, get, send } from './ask.ts'
import { createDatabase, openDatabaseServer } from './database-server.ts'
import { startMockProcess } from './mock-process.ts'
import { printPlans } from './plans.ts'
import { questionsFor } from './questions.ts'
import { median, timed } from './samples.ts'
import { seedHistory } from './seed-history.ts'
import { aligned, shown } from './table.ts'

const USAGE = `Whether the server stays as quick when there is much in its database: turns, pages of messages and every filter of
the run lists, asked by turns of a server with a little data (enough to fill the pages) and of one with much.

  node bench/history.ts [options]

  --runs N           runs in the large database (default 100,000; the aim is for 1,000,000)
  --messages N       messages of one agent there (default 50,000)
  --samples N        times that each question is asked (default 30)
  --plans            print the query plans of the questions that were slower than the aim
  --help

On the embedded database, or on the PostgreSQL server that TEST_DATABASE_URL names.`

/** How much slower an answer may be, and what is too little to count, in milliseconds. */
const RATIO_MAX = 1.3
const NOISE_MS = 1
const PERCENTILE_MS_MAX = 50
const SMALL = { runs: 1_000, messages: 400 }

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '100000' },
    messages: { type: 'string', default: '50000' },
    samples: { type: 'string', default: '30' },
    plans: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log(USAGE)
  process.exit(0)
}
const large = { runs: Number(values.runs), messages: Number(values.messages) }
const mock = await startMockProcess()
const databases = await openDatabaseServer(process.env.TEST_DATABASE_URL ?? null)

try {
  const little = await openSide(SMALL)
  const much = await openSide(large)
  const rows: string[][] = [['', 'little', 'much', 'ratio', 'aim']]
  const slow: string[] = []
  for (const { name, path } of little.questions) {
    const other = much.questions.find((question) => question.name === name)?.path ?? path
    const result = await compare(
      () => get(little.world, path),
      () => get(much.world, other),
    )
    rows.push(lineOf(name, result))
    if (!isMet(name, result)) slow.push(other)
  }
  rows.push(
    lineOf(
      'a turn',
      await compare(
        () => send(little.world, little.agentId, 'hello'),
        () => send(much.world, much.agentId, 'hello'),
      ),
    ),
  )
  console.log(`\n${large.runs} runs and an agent of ${large.messages} messages, medians\n`)
  for (const line of aligned(rows)) console.log(line)
  if (values.plans) await printPlans(much.url, slow)
  await little.close()
  await much.close()
} finally {
  await databases.stop()
  await mock.stop()
}

type Compared = { little: number; much: number }

async function compare(little: () => Promise<unknown>, much: () => Promise<unknown>): Promise<Compared> {
  const samples: Compared[] = []
  for (let turn = -3; turn < Number(values.samples); turn++) {
    const sample = { little: await timed(little), much: await timed(much) }
    if (turn >= 0) samples.push(sample)
  }
  return {
    little: median(samples.map((sample) => sample.little)),
    much: median(samples.map((sample) => sample.much)),
  }
}

function isMet(name: string, { little, much }: Compared): boolean {
  if (name.includes('percentile')) return much <= PERCENTILE_MS_MAX
  return much <= Math.max(little * RATIO_MAX, little + NOISE_MS)
}

function lineOf(name: string, result: Compared): string[] {
  const { little, much } = result
  const aim = name.includes('percentile') ? `≤ ${PERCENTILE_MS_MAX} ms` : `≤ ${RATIO_MAX}`
  return [
    name,
    shown(little, 'ms'),
    shown(much, 'ms'),
    (much / little).toFixed(2),
    `${aim} ${isMet(name, result) ? 'met' : 'NOT MET'}`,
  ]
}

/** A server on a database with so much in it. */
async function openSide(size: { runs: number; messages: number }) {
  const database = await createDatabase(databases.adminUrl)
  const { url } = database
  const server = await startServerProcess({
    DATABASE_URL: url,
    PERDURE_LOG_LEVEL: 'warn',
    OPENAI_API_KEY: 'sk-bench',
    OPENAI_BASE_URL: `${mock.url}/v1`,
    PERDURE_DATA_DIR: databases.folder,
  })
  const world = { server, mock }
  const agentId = await createAgent(world)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const seconds = (await timed(() => seedHistory(client, agentId, size))) / 1_000
  console.log(`${size.runs} runs and ${size.messages} messages written in ${seconds.toFixed(0)} s`)
  const questions = await questionsFor(client, agentId)
  await client.end()
  return {
    url,
    world,
    agentId,
    questions,
    async close() {
      await server.stop()
      await database.drop()
    },
  }
}
