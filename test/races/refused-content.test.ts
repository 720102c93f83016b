import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openReplicas, type Replica, type Replicas } from '../replicas.ts'

/** Rule R-21: what a provider refuses does not close an agent for good. The mock looks at pictures as providers do. */
let world: Replicas
let a: Replica

beforeAll(async () => {
  world = await openReplicas()
  a = await world.start()
})
afterAll(() => world.close())

const BROKEN = {
  type: 'image',
  source: { type: 'base64', media_type: 'image/png', data: 'bm90IGEgcGljdHVyZQ==' },
}

describe('content that a provider refuses', () => {
  it('R-21: a picture in the input is left out, the message answered, and the next one at the first try', async () => {
    const agentId = await a.createAgent()
    const sent = await sendPicture(agentId, `look at this ${agentId}`)
    expect(sent.body.stop_reason.stop_reason).toBe('end_turn')
    expect(requests(`look at this ${agentId}`)).toHaveLength(2)
    expect(JSON.stringify(requests(`look at this ${agentId}`)[1])).toContain('left out')
    expect((await a.send(agentId, `and now ${agentId}?`)).body.stop_reason.stop_reason).toBe('end_turn')
    expect(requests(`and now ${agentId}?`)).toHaveLength(1)
    const [, stored] = await a.messages(agentId)
    expect(JSON.stringify(stored)).toContain('bm90IGEgcGljdHVyZQ==')
  })

  it('R-21: a fork gets no more of it than its source', async () => {
    const agentId = await a.createAgent()
    await sendPicture(agentId, 'look at this')
    const { body } = await a.ask('POST', `/v1/conversations/default/fork?agent_id=${agentId}`, {})
    const input = `in the fork of ${agentId}`
    await a.ask('POST', `/v1/conversations/${body.id}/messages`, { input, streaming: false })
    expect(requests(input)).toHaveLength(1)
  })

  it('R-21: a picture of a turn that was cancelled', async () => {
    const agentId = await a.createAgent()
    const path = `/v1/agents/${agentId}/messages`
    const first = await a.sendAsync(agentId, '[[sleep 600]] first')
    const { body: run } = await a.ask('POST', `${path}/async`, { messages: [pictureWith('never answered')] })
    await a.ask('POST', `${path}/cancel`, { run_ids: [run.id] })
    await a.ended(first)
    expect(await a.status(run.id)).toBe('cancelled')
    expect((await a.send(agentId, 'a plain message')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('R-21: a picture that a client gave as the result of its tool', async () => {
    const agentId = await a.createAgent()
    const tool = {
      name: 'take_picture',
      description: 'Takes one.',
      parameters: { type: 'object', properties: {} },
    }
    const path = `/v1/agents/${agentId}/messages`
    const asked = await a.ask('POST', path, { input: '[[call take_picture {}]]', client_tools: [tool] })
    const [request] = asked.body.messages.slice(-1)
    const callId = request.tool_calls?.[0]?.tool_call_id ?? request.tool_call.tool_call_id
    const answered = await a.ask('POST', path, {
      messages: [
        {
          type: 'approval',
          approvals: [{ type: 'tool', tool_call_id: callId, tool_return: [BROKEN], status: 'success' }],
        },
      ],
      client_tools: [tool],
    })
    expect(answered.status).toBe(200)
    expect((await a.send(agentId, 'a plain message')).body.stop_reason.stop_reason).toBe('end_turn')
  })

  it('R-21: a refusal of text alone is not tried again', async () => {
    const agentId = await a.createAgent()
    expect((await a.send(agentId, `[[error 400]] only words ${agentId}`)).status).toBe(400)
    expect(requests(`only words ${agentId}`)).toHaveLength(1)
  })

  it('R-21: what providers have taken before is not doubted', async () => {
    const agentId = await a.createAgent()
    await sendPicture(agentId, `whole ${agentId}`, WHOLE)
    expect(requests(`whole ${agentId}`)).toHaveLength(1)
    expect((await a.send(agentId, `[[error 400]] refused ${agentId}`)).status).toBe(400)
    expect(requests(`refused ${agentId}`)).toHaveLength(1)
    await a.send(agentId, `after ${agentId}`)
    expect(JSON.stringify(requests(`after ${agentId}`)[0])).toContain(WHOLE)
  })
})

/** One pixel. */
const WHOLE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

function pictureWith(text: string, data = BROKEN.source.data) {
  return {
    role: 'user',
    content: [
      { type: 'text', text },
      { ...BROKEN, source: { ...BROKEN.source, data } },
    ],
  }
}

function sendPicture(agentId: string, text: string, data?: string) {
  return a.ask('POST', `/v1/agents/${agentId}/messages`, { messages: [pictureWith(text, data)] })
}

const requests = (text: string) => world.mock.log({ contains: text }).map(({ body }) => body)
