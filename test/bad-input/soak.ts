import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { type ServerProcess, startServerProcess } from '../server-process.ts'
import type { ApiDocument } from './json-schema.ts'
import { complaintOf } from './judge.ts'
import { createKnownThings } from './known-things.ts'
import { leaveEarly } from './raw-client.ts'
import { readVitalSigns, type VitalSigns } from './vital-signs.ts'
import { type Known, wrongRequests } from './wrong-requests.ts'

/**
 * Asks a server wrongly, many times, and looks at what it keeps: `node test/bad-input/soak.ts --requests 10000 --seed 1`.
 * Exits with 1 when an answer was no answer, when memory has grown by more than a tenth, or when a connection is left.
 */
const { values } = parseArgs({
  options: { requests: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
})
const REQUESTS = Number(values.requests)
const SEED = Number(values.seed)
/**
 * What is compiled and cached once is not what is kept, and these requests go through every route in many ways: so many
 * come before the first look. What is left behind them stays the same after ten thousand more and after thirty.
 */
const WARM_UP = 5_000
const AT_ONCE = 8
/** One in so many comes from a client that goes away at once. */
const EARLY_LEAVERS = 20
const RSS_GROWTH_MAX = 1.1
/** How long a server may take to give back what it holds, in milliseconds. */
const REST_MS_MAX = 30_000

const ROOT = join(import.meta.dirname, '../..')
const DOCUMENT: ApiDocument = JSON.parse(readFileSync(join(ROOT, 'openapi.json'), 'utf8'))
const COMMAND = [
  process.execPath,
  // As `npm start` has it: without it a storm leaves a young generation of 130 MB behind, empty as it is.
  '--max-semi-space-size=8',
  '--expose-gc',
  '--import',
  join(import.meta.dirname, 'collect-on-signal.ts'),
  join(ROOT, 'src/cli/main.ts'),
  'serve',
]

async function main(): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'perdure-soak-'))
  const server = await startServerProcess({ PERDURE_DATA_DIR: folder, PERDURE_LOG_LEVEL: 'error' }, COMMAND)
  try {
    const known = await createKnownThings(server.url)
    await storm(server, known, SEED, WARM_UP)
    const before = await atRest(server)
    const start = performance.now()
    const complaints = await storm(server, known, SEED + 1, REQUESTS)
    const seconds = (performance.now() - start) / 1_000
    const loaded = await readVitalSigns(server.url)
    const after = await atRest(server, before.rssMb * RSS_GROWTH_MAX)
    return tell({ before, loaded, after, complaints, seconds })
  } finally {
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Sends wrong requests; gives the complaints about their answers. */
async function storm(server: ServerProcess, known: Known, seed: number, count: number): Promise<string[]> {
  const requests = wrongRequests(DOCUMENT, known, seed).take(count)
  const complaints: string[] = []
  let sent = 0
  const askOn = async () => {
    for (const request of requests) {
      sent++
      if (sent % EARLY_LEAVERS === 0) {
        const head = `${request.method} ${request.path} HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n`
        await leaveEarly(server.url, head)
      } else {
        const complaint = await complaintOf(server.url, request)
        if (complaint) complaints.push(complaint)
      }
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, askOn))
  return complaints
}

/**
 * The server's signs once it has nothing more to do and has given back its memory, or when it does not come to rest: the
 * engine keeps pages that are empty for some seconds.
 */
async function atRest(server: ServerProcess, rssMbMax = Number.POSITIVE_INFINITY): Promise<VitalSigns> {
  const end = performance.now() + REST_MS_MAX
  while (true) {
    process.kill(server.pid, 'SIGUSR2')
    await sleep(1_000)
    const signs = await readVitalSigns(server.url)
    const rests = isAtRest(signs) && signs.rssMb <= rssMbMax
    if (rests || performance.now() > end) return signs
  }
}

function isAtRest({ connections, streams, databaseInUse }: VitalSigns): boolean {
  return connections === 1 && streams === 0 && databaseInUse === 0
}

type Outcome = {
  before: VitalSigns
  loaded: VitalSigns
  after: VitalSigns
  complaints: string[]
  seconds: number
}

function tell({ before, loaded, after, complaints, seconds }: Outcome): boolean {
  const growth = after.rssMb / before.rssMb
  console.table({ before, 'right after': loaded, 'at rest': after })
  console.log(`${REQUESTS} wrong requests in ${seconds.toFixed(0)} s, ${complaints.length} bad answers`)
  console.log(`memory at rest: ${growth.toFixed(3)} times what it was`)
  for (const complaint of complaints.slice(0, 20)) console.log(complaint)
  return complaints.length === 0 && growth <= RSS_GROWTH_MAX && isAtRest(after)
}

process.exitCode = (await main()) ? 0 : 1
