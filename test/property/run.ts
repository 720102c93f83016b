/**
 * The long form: `npm run test:property -- --seeds 10000 [--from N]`, or one story again: `--seed N`. On the server that
 * TEST_DATABASE_URL names, or on an embedded one.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openEmbedded } from '../../src/store/embedded/open-embedded.ts'
import { migrate } from '../../src/store/open.ts'
import type { Observation } from '../../src/worker/observation.ts'
import { withDatabase } from '../global-setup.ts'
import { play, type Verdict } from './play.ts'
import { shorten } from './shorten.ts'
import type { Story } from './story.ts'
import { tellStory } from './tell-story.ts'
import { World } from './world.ts'
import { writeStory } from './write-story.ts'

/** Stories after which a world is made anew, so that its tables stay small. */
const STORIES_PER_WORLD = 400
const SHORTEN_MS = 45_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    /** Plays each story so often: what depends on the moment may go wrong only sometimes. */
    times: { type: 'string', default: '1' },
    failures: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '2' },
    whole: { type: 'boolean', default: false },
  },
})
const from = Number(values.seed ?? values.from)
const count = values.seed === undefined ? Number(values.seeds) : 1

const given = process.env.TEST_DATABASE_URL
const dir = given ? null : await mkdtemp(join(tmpdir(), 'perdure-property-'))
const server = dir ? await openEmbedded(dir) : null
const adminUrl = server?.connectionString ?? given ?? ''
let failures = 0
let next = from
const start = performance.now()
try {
  await Promise.all(Array.from({ length: Number(values.lanes) }, playSome))
} finally {
  await server?.stop()
  if (dir) await rm(dir, { recursive: true, force: true })
}
const perSecond = ((next - from) * 1_000) / (performance.now() - start)
console.log(`seeds ${from} to ${next - 1}: ${perSecond.toFixed(1)} a second, ${failures} failure(s)`)
process.exit(failures > 0 ? 1 : 0)

/** One lane: worlds of its own, one after the other, until all stories are played. */
async function playSome(_: unknown, lane: number): Promise<void> {
  while (hasMore()) {
    const name = `perdure_property_${process.pid}_${lane}_${next}`
    await asAdmin(`create database ${name}`)
    const url = withDatabase(adminUrl, name)
    await migrate(url)
    const world = await World.open(url)
    try {
      for (let played = 0; played < STORIES_PER_WORLD && hasMore(); played++) {
        const seed = next
        next += 1
        for (let left = Number(values.times); left > 0; left--) await playOne(world, writeStory(seed))
      }
    } finally {
      await world.close()
      await asAdmin(`drop database ${name} with (force)`)
    }
  }
}

function hasMore(): boolean {
  return next < from + count && failures < Number(values.failures)
}

async function playOne(world: World, story: Story): Promise<void> {
  const verdict = await verdictOn(world, story)
  if (!verdict) return
  failures += 1
  console.log(`\nSeed ${story.seed} goes wrong:\n${tellVerdict(story, verdict)}`)
  console.log(`  observed: ${world.observations.map(tellObservation).join(', ')}`)
  if (values.whole) return
  const short = await shorten(world, story, SHORTEN_MS)
  const again = await verdictOn(world, short)
  if (again) console.log(`\nshortened:\n${tellVerdict(short, again)}`)
}

function tellVerdict(story: Story, { wrong, after }: Verdict): string {
  const when = after === null ? 'the end' : `action ${after + 1}`
  return [tellStory(story), `after ${when}:`, ...wrong.slice(0, 12).map((text) => `  - ${text}`)].join('\n')
}

function tellObservation(one: Observation): string {
  const run = 'runId' in one && one.runId ? ` ${one.runId.slice(4, 8)}` : ''
  return 'error' in one ? `${one.type}${run} (${one.error})` : one.type + run
}

async function verdictOn(world: World, story: Story): Promise<Verdict | undefined> {
  try {
    return await play(world, story)
  } catch (error) {
    return { wrong: [error instanceof Error ? (error.stack ?? error.message) : String(error)], after: null }
  }
}

async function asAdmin(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}
