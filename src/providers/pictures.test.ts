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
  type WireName,
} from '../../test/provider-world.ts'
import type { JsonObject } from '../domain/json.ts'
import type { ToolCall, UserPart } from '../domain/message.ts'
import type { ModelRequest, PromptMessage } from '../domain/model.ts'

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

  it('takes images with the result of a call that failed, and says nothing good of it', async () => {
    const mark = unique('failed')
    const text: UserPart = { type: 'text', text: `no luck ${mark}` }
    const { reply } = await world.ask(await failedWith(name, mark, [text, IMAGE, IMAGE]))
    expect(okay(reply).finish).toBe('stop')
    const body = await sent(mark)
    expect(body).toContain(`no luck ${mark}`)
    expect(body).not.toContain('successfully')
    expect(body).toContain(name === 'chat' ? '2 images omitted' : PIXEL)
  })
})

describe('anthropic', () => {
  it('D-126: marks a call that failed, with its images behind the results of all calls', async () => {
    const mark = unique('marked')
    const request = await failedWith('anthropic', mark, [{ type: 'text', text: 'no luck' }, IMAGE])
    okay((await world.ask(request)).reply)
    const [logged] = await world.mock.log(mark)
    expect((logged?.body as JsonObject | undefined)?.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant' },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'call_1', is_error: true, content: 'no luck [Image below]' },
          { type: 'tool_result', tool_use_id: 'call_2', content: 'fine' },
          { type: 'image', source: { data: PIXEL } },
        ],
      },
    ])
  })
})

/** Two calls, the first of which failed with these parts. */
async function failedWith(name: WireName, mark: string, content: UserPart[]): Promise<ModelRequest> {
  const messages: PromptMessage[] = [
    user(mark),
    { role: 'assistant', content: [], toolCalls: [CALL, { ...CALL, id: 'call_2' }], model: 'another' },
    {
      role: 'tool',
      results: [
        { callId: 'call_1', name: 'look_up', content, failed: true },
        { callId: 'call_2', name: 'look_up', content: 'fine', failed: false },
      ],
    },
  ]
  return requestOf(await world.configOf(WIRES[name].handle), messages, { tools: [LOOK_UP] })
}

async function sent(mark: string): Promise<string> {
  return JSON.stringify((await world.mock.log(mark))[0]?.body)
}
