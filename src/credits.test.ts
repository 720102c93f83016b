import { createServer, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import { openServerWorld, type ServerWorld } from '../test/server-world.ts'

/** The operator's service: what it says to the nth question. It also keeps what it was asked. */
type Service = { url: string; asked: string[]; gone: number; close(): Promise<void> }
const YES = { hasMoreCredits: true }
const NO = { hasMoreCredits: false }

async function openService(answer: (nth: number, response: ServerResponse) => unknown): Promise<Service> {
  const service = { url: '', asked: [] as string[], gone: 0, close: async () => undefined }
  const server = createServer((request, response) => {
    service.asked.push(`${request.headers.authorization} ${request.url}`)
    response.on('close', () => {
      if (!response.writableFinished) service.gone += 1
    })
    const said = answer(service.asked.length, response)
    if (said !== undefined) response.end(JSON.stringify(said))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  service.url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  service.close = async () => {
    server.closeAllConnections()
    server.close()
    return undefined
  }
  return service
}

let world: ServerWorld
let service: Service
afterEach(async () => {
  await world.close()
  await service.close()
})

async function open(
  mode: string,
  answer: Parameters<typeof openService>[0],
  more: Record<string, string> = {},
) {
  service = await openService(answer)
  world = await openServerWorld({
    PERDURE_CREDITS_MODE: mode,
    PERDURE_CREDITS_CACHE_MS: '0',
    STEP_ORCHESTRATOR_ENDPOINT: service.url,
    STEP_COMPLETE_KEY: 'step key',
    ...more,
  })
  return world.createAgent({ memory_blocks: [{ label: 'human', value: '' }] })
}

const TWO_STEPS = '[[call memory_insert {"label":"human","new_string":"tea"}]]'
const send = (agentId: string, text: string) =>
  world.ask('POST', `/v1/agents/${agentId}/messages`, { messages: [{ role: 'user', content: text }] })
const reasonOf = (answer: { body: { stop_reason: { stop_reason: string } } }) =>
  answer.body.stop_reason.stop_reason

describe('24. credits', () => {
  it('off: nobody is asked', async () => {
    const agentId = await open('off', () => NO)
    expect(reasonOf(await send(agentId, 'hello'))).toBe('end_turn')
    expect(service.asked).toEqual([])
  })

  it('observe: a no is told of, and stops nothing', async () => {
    const agentId = await open('observe', () => NO)
    expect(reasonOf(await send(agentId, 'hello'))).toBe('end_turn')
    expect(service.asked[0]).toBe(
      `Bearer step key /validate/core-organizations/org-00000000-0000-4000-8000-000000000000/agents/${agentId}`,
    )
    expect(world.observations).toContainEqual(
      expect.objectContaining({ type: 'credit_denied', enforced: false }),
    )
  })

  it('enforce: denied before the first step, no model is asked, and the run has failed', async () => {
    const agentId = await open('enforce', () => NO)
    const answer = await send(agentId, 'hello')
    expect(answer).toMatchObject({ status: 200, body: { messages: [] } })
    expect(reasonOf(answer)).toBe('insufficient_credits')
    expect(world.mock.log().filter(({ path }) => path.includes('chat'))).toEqual([])
    const [run] = (await world.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'insufficient_credits' })
  })

  it('enforce: a stream ends with the reason, without an error', async () => {
    const agentId = await open('enforce', () => NO)
    const stream = await world.ask('POST', `/v1/agents/${agentId}/messages`, {
      messages: [{ role: 'user', content: 'hello' }],
      streaming: true,
    })
    expect(stream.body).toContain('"stop_reason":"insufficient_credits"')
    expect(stream.body).not.toContain('error_message')
    expect(stream.body.trimEnd().endsWith('data: [DONE]')).toBe(true)
  })

  it('enforce: denied after a step, what it has produced is kept and answered', async () => {
    const agentId = await open('enforce', (nth) => (nth === 1 ? YES : NO))
    const answer = await send(agentId, TWO_STEPS)
    expect(reasonOf(answer)).toBe('insufficient_credits')
    const types = answer.body.messages.map((message: { message_type: string }) => message.message_type)
    expect(types).toEqual(['tool_call_message', 'tool_return_message'])
    const kept = (await world.ask('GET', `/v1/agents/${agentId}/messages?order=asc`)).body
    expect(kept.map((message: { message_type: string }) => message.message_type).slice(-2)).toEqual(types)
    const [run] = (await world.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body
    expect(run.status).toBe('failed')
  })

  it('enforce-strict: a request without credit is 402 and starts nothing', async () => {
    const agentId = await open('enforce-strict', () => NO)
    expect(await send(agentId, 'hello')).toMatchObject({
      status: 402,
      body: { error_code: 'INSUFFICIENT_CREDITS' },
    })
    expect((await world.ask('GET', `/v1/runs/?agent_id=${agentId}`)).body).toEqual([])
  })

  it('a service that does not answer slows only the first step, and is not waited for at the end', async () => {
    const agentId = await open('enforce', (nth) => (nth === 1 ? YES : undefined))
    expect(reasonOf(await send(agentId, 'hello'))).toBe('end_turn')
    await expect.poll(() => service.gone).toBe(1)
  })

  it.each([
    ['false', 'end_turn'],
    ['true', 'insufficient_credits'],
  ])('a service in trouble, fail closed %s: %s', async (closed, reason) => {
    const broken = (_: number, response: ServerResponse) => {
      response.statusCode = 500
      return {}
    }
    const agentId = await open('enforce', broken, { PERDURE_CREDITS_FAIL_CLOSED: closed })
    expect(reasonOf(await send(agentId, 'hello'))).toBe(reason)
  })
})
