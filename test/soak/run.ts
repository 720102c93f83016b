/**
 * Kills servers at random while a hundred agents work, and counts what is lost or done twice:
 * `npm run soak -- --kills 300 [--agents 100] [--every 1000] [--pause 5000] [--minutes 60]`. Two servers share the PostgreSQL that TEST_DATABASE_URL
 * names, or an embedded one. Its database is made for it and dropped.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { sql } from 'kysely'
import pg from 'pg'
import { openEmbedded } from '../../src/store/embedded/open-embedded.ts'
import { migrate, openDatabase } from '../../src/store/open.ts'
import { withDatabase } from '../global-setup.ts'
import { startMockLlm } from '../mock-llm/server.mjs'
import { clientOf } from '../replicas.ts'
import { buildReplica } from './built-replica.ts'
import { type Told, talk } from './client.ts'
import { examine, type Findings } from './examine.ts'
import { Fleet } from './fleet.ts'
import { openOutside } from './outside.ts'

/** How long runs may take to end once nobody kills any more. */
const QUIET_MS = 180_000

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '300' },
    agents: { type: 'string', default: '100' },
    every: { type: 'string', default: '1000' },
    pause: { type: 'string', default: '5000' },
    minutes: { type: 'string', default: '60' },
    lease: { type: 'string', default: '3000' },
    keep: { type: 'boolean', default: false },
  },
})
const killsWanted = Number(values.kills)

const folder = await mkdtemp(join(tmpdir(), 'perdure-soak-'))
const embedded = process.env.TEST_DATABASE_URL ? null : await openEmbedded(folder)
const adminUrl = process.env.TEST_DATABASE_URL ?? embedded?.connectionString ?? ''
const name = `perdure_soak_${randomBytes(4).toString('hex')}`
await asAdmin(`create database ${name}`)
const url = withDatabase(adminUrl, name)
await migrate(url)
const db = openDatabase({ connectionString: url, connectionsMax: 4 })

const mock = await startMockLlm({ log: 0 })
const outside = await openOutside()
const fleet = new Fleet(
  {
    DATABASE_URL: url,
    PERDURE_DATA_DIR: folder,
    PERDURE_LEASE_MS: values.lease,
    PERDURE_LOG_LEVEL: 'silent',
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
    OPENAI_API_KEY: 'k',
    OPENAI_BASE_URL: `${mock.url}/v1`,
    SOAK_OUTSIDE_URL: outside.url,
  },
  2,
)
await buildReplica()
await fleet.start()
const agentIds = await createAgents(Number(values.agents))

const told: Told = { sent: [], wrong: [] }
const over = new AbortController()
const talks = agentIds.map((agentId) =>
  talk(fleet, agentId, { over: over.signal, told, pauseMs: Number(values.pause) }),
)
const start = Date.now()
while (fleet.kills < killsWanted && Date.now() - start < Number(values.minutes) * 60_000) {
  await sleep(Number(values.every) * (0.5 + Math.random()))
  if ((await fleet.killOne()) && fleet.kills % 10 === 0)
    say(`${fleet.kills} kills, ${told.sent.length} messages sent`)
}
over.abort()
const quiet = await Promise.race([Promise.all(talks).then(() => true), sleep(QUIET_MS, false)])
await untilEnded()
const findings = await examine(db, agentIds, told.sent, outside.counts)
const bad = print(findings)
await fleet.stop()
await mock.close()
await outside.close()
await db.destroy()
if (!values.keep) await asAdmin(`drop database ${name} with (force)`)
else say(`the database ${name} is kept`)
await embedded?.stop()
await rm(folder, { recursive: true, force: true })
process.exit(bad ? 1 : 0)

async function createAgents(count: number): Promise<string[]> {
  const client = clientOf(await fleet.url())
  const ids: string[] = []
  for (let at = 0; at < count; at++) {
    ids.push(
      await client.createAgent({
        tools: ['note_outside', 'core_memory_append'],
        include_base_tools: false,
        include_base_tool_rules: false,
        parallel_tool_calls: true,
      }),
    )
  }
  return ids
}

async function untilEnded(): Promise<void> {
  for (const until = Date.now() + QUIET_MS; Date.now() < until; await sleep(200)) {
    const { rows } = await sql<{ open: number }>`
      select count(*) as open from runs where status in ('created', 'running')`.execute(db)
    if (rows[0]?.open === 0) return
  }
}

/** The table; true: something is there that should not be. */
function print(found: Findings): boolean {
  const unheard = told.sent.filter(({ accepted, heard }) => accepted && !heard).length
  const bad: [string, string[]][] = [
    ['messages lost', found.lostMessages],
    ['messages twice', found.doubledMessages],
    ['answers twice', found.doubledAnswers],
    ['side effects twice', found.doubledEffects],
    ['side effects told and not done', found.lostEffects],
    ['side effects done and not told', found.silentEffects],
    ['memory edits lost', found.lostEdits],
    ['memory edits twice', found.doubledEdits],
    ['histories broken', found.brokenHistories],
    ['streams and answers wrong', told.wrong],
  ]
  const rows: [string, number][] = [
    ['seconds', Math.round((Date.now() - start) / 1_000)],
    ['kills', fleet.kills],
    ['messages sent', told.sent.length],
    ['runs accepted', Object.values(found.runs).reduce((sum, count) => sum + count, 0)],
    ...Object.entries(found.runs).map(([status, count]): [string, number] => [`runs ${status}`, count]),
    ['runs taken over', found.takenOver],
    ['runs stuck', found.stuck],
    ['clients without an answer', quiet ? unheard : Math.max(1, unheard)],
    ['side effects', [...outside.counts.values()].reduce((sum, count) => sum + count, 0)],
    ['side effects in doubt, each told to its agent', found.inDoubt],
    ['histories checked, for four wire formats each', found.histories],
    ...bad.map(([what, list]): [string, number] => [what, list.length]),
  ]
  for (const [what, count] of rows) say(`${what.padEnd(48)} ${String(count).padStart(8)}`)
  for (const [what, list] of bad) for (const one of list.slice(0, 5)) say(`${what}: ${one.slice(0, 300)}`)
  return found.stuck > 0 || unheard > 0 || !quiet || bad.some(([, list]) => list.length > 0)
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  await client.query(statement)
  await client.end()
}

function say(text: string): void {
  console.log(text)
}
