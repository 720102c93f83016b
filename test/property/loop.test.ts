import { afterAll, beforeAll, expect, it } from 'vitest'
import { openTestDatabase } from '../databases.ts'
import { play } from './play.ts'
import { tellStory } from './tell-story.ts'
import { World } from './world.ts'
import { writeStory } from './write-story.ts'

/**
 * Goal: whatever models, clients, tools and crashes do, and in whatever order, a conversation stays whole and goes on.
 * Method: random stories, the same for the same seed, are played on the real engine; after each action one list of
 * conditions must hold. `npm run test:property -- --seeds 10000` plays more, `--seed N` plays one again.
 */
const STORIES = 300
/** A slow machine plays fewer. */
const STORIES_MIN = 10
const PLAY_MS = 15_000

let world: World

beforeAll(async () => {
  world = await World.open((await openTestDatabase()).url)
})
afterAll(() => world.close())

it('whatever happens, every conversation stays whole and answers the next message', async () => {
  const deadline = performance.now() + PLAY_MS
  for (let seed = 1; seed <= STORIES; seed++) {
    if (seed > STORIES_MIN && performance.now() > deadline) break
    const story = writeStory(seed)
    const verdict = await play(world, story)
    expect(verdict?.wrong ?? [], tellStory(story)).toEqual([])
  }
}, 120_000)
