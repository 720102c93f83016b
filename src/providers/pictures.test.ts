import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  LOOK_UP,
  okay,
  openProviderWorld,
  type ProviderWorld,
  requestOf,
  unique,
  user,
  WIRE_NAMES,
  WIRES,
} from '../../test/provider-world.ts'
import type { ToolCall, UserPart } from '../domain/message.ts'

/** One transparent pixel. */
const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const IMAGE: UserPart = { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: PIXEL } }
const CALL: ToolCall = { id: 'call_1', name: 'look_up', arguments: '{"word":"x"}' }

let world: ProviderWorld
beforeAll(async () => {
  world = await openProviderWorld()
})
afterAll(() => world.close())

describe.each(WIRE_NAMES)('%s', (name) => {
  const { handle } = WIRES[name]

  it('shows the model an image of the user, beside texts', async () => {
    const mark = unique('look')
    const content: UserPart[] = [{ type: 'text', text: mark }, IMAGE, { type: 'text', text: 'well' }]
    const { reply } = await world.ask(requestOf(await world.configOf(handle), [{ role: 'user', content }]))
    expect(okay(reply).finish).toBe('stop')
    expect(await sent(mark)).toContain(PIXEL)
  })

  it('gives each call one result, also when it holds several texts and images, or images alone', async () => {
    const mark = unique('seen')
    const both: UserPart[] = [{ type: 'text', text: mark }, IMAGE, { type: 'text', text: 'and' }, IMAGE]
    const calls = [CALL, { ...CALL, id: 'call_2' }]
    const messages = [
      user(mark),
      { role: 'assistant' as const, content: [], toolCalls: calls, model: 'another' },
      {
        role: 'tool' as const,
        results: [both, [IMAGE]].map((content, at) => ({
          callId: `call_${at + 1}`,
          name: 'look_up',
          content,
          failed: false,
        })),
      },
    ]
    const { reply } = await world.ask(requestOf(await world.configOf(handle), messages, { tools: [LOOK_UP] }))
    expect(okay(reply).finish).toBe('stop')
    const body = await sent(mark)
    // Chat has no place for images in results: the model is told how many there were.
    expect(body).toContain(name === 'chat' ? '2 images omitted' : PIXEL)
  })
})

async function sent(mark: string): Promise<string> {
  return JSON.stringify((await world.mock.log(mark))[0]?.body)
}
