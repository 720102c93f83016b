import { randomInt } from 'node:crypto'

const FIRST =
  'Amber Brave Calm Clever Coral Dapper Eager Gentle Golden Hazel Ivory Jolly Keen Lucid Mellow Nimble'.split(
    ' ',
  )
const SECOND =
  'Badger Beacon Cedar Comet Falcon Harbor Heron Lantern Maple Meadow Otter Pebble Raven River Sparrow Willow'.split(
    ' ',
  )

/** Two words for something that nobody has named. Not unique. */
export function randomName(): string {
  return `${FIRST[randomInt(FIRST.length)]} ${SECOND[randomInt(SECOND.length)]}`
}
